// IoCall: the frame of one call into Connector/C, and the callback by which the library waits (MARIADB_OPT_IO_WAIT).
//
// The callback has no argument that says whose call it is. So the running call is known per thread: set by the
// constructor, restored after each wait, because other greenlets make calls meanwhile.
//
// Nothing is ever thrown through the frames of C. What ends a wait (a deadline, a kill, a Timeout, a closed watcher) is
// remembered, the library is told that the wait failed, and so is every later wait of the same call; the wrapper around
// the call looks at failed() and rethrows. The timeouts that the library asks for are ignored: its units differ from
// one path to the next.
//
// Over TLS the library asks to wait for reading even when it could not write (Connector/C 3.3, a full send buffer).
// What it really waits for shows in what it has written: as long as that grows from one wait to the next, it is let try
// again as soon as there is room; a wait before which it wrote nothing, though there was room, is one for reading.

#pragma once

#include <cstdint>
#include <exception>
#include <optional>

#include "greenrt/deadline.h"
#include "greenrt/fd_watcher.h"

namespace db {

class IoCall {
 public:
  enum class Transport { kPlain, kTls };

  // Waits in the running greenlet, through `watcher`, or blocks in poll() when there is no greenlet to suspend.
  IoCall(greenrt::FdWatcher& watcher, Transport transport, greenrt::Deadline deadline);
  // Blocks in poll(): for threads.
  explicit IoCall(greenrt::Deadline deadline);
  // Never waits: what would block fails.
  IoCall();
  ~IoCall();
  IoCall(const IoCall&) = delete;
  IoCall& operator=(const IoCall&) = delete;

  // A wait of this call has failed.
  [[nodiscard]] bool failed() const { return exception_ || expired_; }
  // ... at the deadline.
  [[nodiscard]] bool expired() const { return expired_; }
  // ... because this was thrown into it.
  [[nodiscard]] const std::exception_ptr& exception() const { return exception_; }

  // The callback, of the type that MARIADB_OPT_IO_WAIT takes: 1 when ready, 0 on failure with errno set. Outside of
  // any call it polls.
  static int wait(int fd, char for_reading, int timeout_ms);

 private:
  enum class Mode { kGreen, kPoll, kRefuse };

  bool wait_here(int fd, bool for_reading);
  bool wait_green(bool for_reading);
  bool wait_green_over_tls();

  static constinit thread_local IoCall* current;

  Mode mode_;
  Transport transport_ = Transport::kPlain;
  greenrt::FdWatcher* watcher_ = nullptr;
  greenrt::Deadline deadline_;
  IoCall* outer_;
  std::optional<std::uint64_t> written_;  // bytes, as of the last wait over TLS
  bool expired_ = false;
  std::exception_ptr exception_;
};

}  // namespace db
