// Stream and Listener: connected byte streams, over TCP and Unix sockets.
//
// Both own their descriptor. One greenlet may read and one may write a stream at a time. A call that need not wait does
// not yield.

#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "greenrt/deadline.h"
#include "greenrt/fd_watcher.h"
#include "greenrt/socket_address.h"

namespace greenrt {

class Stream {
 public:
  // Yields until connected. Throws std::system_error, TimeoutExpired. A Unix socket whose backlog is full fails at once
  // with EAGAIN: the kernel would not tell when there is room.
  static Stream connect(const SocketAddress& address, Deadline deadline = Deadline::never());
  static Stream connect_unix(const std::string& path, Deadline deadline = Deadline::never());
  // Takes over a connected descriptor and makes it non-blocking.
  explicit Stream(int fd);
  ~Stream();
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;

  // Yields until there are bytes, and reads at most buffer.size() of them; 0 at the end of the stream. Throws
  // std::system_error, TimeoutExpired, Closed.
  std::size_t read_some(std::span<std::byte> buffer, Deadline deadline = Deadline::never());
  // Yields until all is written. Throws as read_some; how much was written is then unknown.
  void write_all(std::span<const std::byte> bytes, Deadline deadline = Deadline::never());
  void write_all(std::string_view text, Deadline deadline = Deadline::never());
  // The same for bytes that lie in several places, which leave together. Uses up `pieces`.
  void write_all_of(std::span<iovec> pieces, Deadline deadline = Deadline::never());

  // Lets the kernel send small writes at once, instead of waiting for more to send with them. Does nothing to a stream
  // that is not TCP, or closed.
  void send_at_once();

  // Tells the peer that nothing more will be written.
  void shutdown_write();

  struct PeerCredentials {
    pid_t pid;
    uid_t uid;
    gid_t gid;
  };
  // Of the process at the other end of a Unix stream. Throws std::system_error.
  [[nodiscard]] PeerCredentials peer_credentials() const;
  [[nodiscard]] SocketAddress peer_address() const;
  [[nodiscard]] int fd() const;

  // Wakes who waits with Closed, and closes the descriptor. Idempotent.
  void close();

 private:
  int fd_;
  std::unique_ptr<FdWatcher> watcher_;
};

class Listener {
 public:
  // Throws std::system_error.
  static Listener bind_tcp(const SocketAddress& address, int backlog = 128);
  // Makes the socket file with `mode`. The path must not exist; close() does not remove it.
  static Listener bind_unix(const std::string& path, mode_t mode, int backlog = 128);
  ~Listener();
  Listener(Listener&&) noexcept;
  Listener& operator=(Listener&&) = delete;

  // Yields until somebody connects. Errors of a single connection are passed over; when descriptors or memory run out
  // it pauses, 10 ms at first and up to 1 s, and tries again. Throws Closed, TimeoutExpired, std::system_error.
  Stream accept(Deadline deadline = Deadline::never());

  [[nodiscard]] SocketAddress local_address() const;
  [[nodiscard]] int fd() const;
  void close();

 private:
  explicit Listener(int fd);
  int fd_;
  std::unique_ptr<FdWatcher> watcher_;
};

}  // namespace greenrt
