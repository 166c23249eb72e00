// PipeEnd: one end of a pipe, for reading or for writing. For what is not a socket; for sockets, see stream.h.
//
// Owns its descriptor. One greenlet may use it at a time. A call that need not wait does not yield. Writing to a pipe
// that nobody reads fails with EPIPE and raises no SIGPIPE.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "greenrt/deadline.h"
#include "greenrt/fd_watcher.h"

namespace greenrt {

class PipeEnd {
 public:
  // A new pipe: its reading and its writing end, both closed on exec. Throws std::system_error.
  static std::pair<PipeEnd, PipeEnd> make();

  // Takes over a descriptor and makes it non-blocking.
  explicit PipeEnd(int fd);
  ~PipeEnd();
  PipeEnd(PipeEnd&&) noexcept;
  PipeEnd& operator=(PipeEnd&&) = delete;

  // Yield until the pipe can be read or written (true) or until the deadline (false); a wake-up may be spurious. Throws
  // Closed when closed meanwhile.
  bool wait_read(Deadline deadline = Deadline::never());
  bool wait_write(Deadline deadline = Deadline::never());

  // Yields until there are bytes, and reads at most buffer.size() of them; 0 when all writers have closed. Throws
  // std::system_error, TimeoutExpired, Closed.
  std::size_t read_some(std::span<std::byte> buffer, Deadline deadline = Deadline::never());
  // Yields until all writers have closed. Throws as read_some; what was read is then lost.
  std::string read_all(Deadline deadline = Deadline::never());
  // Yields until all is written. Throws as read_some; how much was written is then unknown.
  void write_all(std::string_view text, Deadline deadline = Deadline::never());

  [[nodiscard]] int fd() const { return fd_; }
  // Wakes who waits with Closed, and closes the descriptor. Idempotent.
  void close();

 private:
  int fd_;
  std::unique_ptr<FdWatcher> watcher_;
};

}  // namespace greenrt
