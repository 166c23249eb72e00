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
// Over TLS the library asks to wait for reading even when it could not write (Connector/C 3.3, a full send buffer). So
// there a wait for reading is one for writing while the descriptor cannot be written; and because it may become
// writable between the library's attempt and this look at it, a wait for reading ends now and then for a new attempt,
// which does no harm.

#pragma once

#include <exception>

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
  bool wait_for_either();

  static constinit thread_local IoCall* current;

  Mode mode_;
  Transport transport_ = Transport::kPlain;
  greenrt::FdWatcher* watcher_ = nullptr;
  greenrt::Deadline deadline_;
  IoCall* outer_;
  bool expired_ = false;
  std::exception_ptr exception_;
};

}  // namespace db
