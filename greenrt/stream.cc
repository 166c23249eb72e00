#include "greenrt/stream.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstring>
#include <system_error>
#include <utility>

#include "greenrt/error.h"

namespace greenrt {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstAcceptPause{10};
constexpr milliseconds kLongestAcceptPause{1000};

[[noreturn]] void fail(const char* what, int error = errno) {
  throw std::system_error(error, std::generic_category(), what);
}

// A descriptor that is closed unless it is handed on.
class OwnedFd {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {}
  ~OwnedFd() {
    if (fd_ >= 0) ::close(fd_);
  }
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.release()) {}
  OwnedFd& operator=(OwnedFd&&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

OwnedFd open_socket(int family) {
  OwnedFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) fail("socket");
  return fd;
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    fail("the path of a Unix socket is too long", ENAMETOOLONG);
  std::copy(path.begin(), path.end(), address.sun_path);
  return address;
}

Stream connect_to(const sockaddr* address, socklen_t size, Deadline deadline) {
  OwnedFd fd = open_socket(address->sa_family);
  if (::connect(fd.get(), address, size) != 0) {
    if (errno != EINPROGRESS && errno != EINTR) fail("connect");
    FdWatcher watcher(fd.get());
    if (!watcher.wait_write(deadline)) throw TimeoutExpired();
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) fail("connect", error);
  }
  return Stream(fd.release());
}

// `pieces` without their first `count` bytes, and without what is empty then.
std::span<iovec> without(std::span<iovec> pieces, std::size_t count) {
  while (!pieces.empty() && pieces.front().iov_len <= count) {
    count -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  if (!pieces.empty()) {
    pieces.front().iov_base = static_cast<std::byte*>(pieces.front().iov_base) + count;
    pieces.front().iov_len -= count;
  }
  return pieces;
}

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

// Errors of a connection that was gone before it was accepted: accept(2), "Error handling".
bool is_lost_connection(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EPERM:
      return true;
    default:
      return false;
  }
}

bool is_exhaustion(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Stream Stream::connect(const SocketAddress& address, Deadline deadline) {
  return connect_to(address.raw(), address.size(), deadline);
}

Stream Stream::connect_unix(const std::string& path, Deadline deadline) {
  const sockaddr_un address = unix_address(path);
  return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address, deadline);
}

Stream::Stream(int fd) : fd_(fd), watcher_(std::make_unique<FdWatcher>(fd)) {
  if (::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
    const int error = errno;
    close();
    fail("fcntl", error);
  }
}

Stream::~Stream() {
  close();
}
Stream::Stream(Stream&& other) noexcept : fd_(std::exchange(other.fd_, -1)), watcher_(std::move(other.watcher_)) {}

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
    watcher_ = std::move(other.watcher_);
  }
  return *this;
}

std::size_t Stream::read_some(std::span<std::byte> buffer, Deadline deadline) {
  while (true) {
    if (fd_ < 0) throw Closed("the stream is closed");
    const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EINTR) continue;
    if (!would_block(errno)) fail("recv");
    if (!watcher_->wait_read(deadline)) throw TimeoutExpired();
  }
}

void Stream::write_all(std::span<const std::byte> bytes, Deadline deadline) {
  while (!bytes.empty()) {
    if (fd_ < 0) throw Closed("the stream is closed");
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      continue;
    }
    if (errno == EINTR) continue;
    if (!would_block(errno)) fail("send");
    if (!watcher_->wait_write(deadline)) throw TimeoutExpired();
  }
}

void Stream::write_all(std::string_view text, Deadline deadline) {
  write_all(std::as_bytes(std::span(text.data(), text.size())), deadline);
}

void Stream::write_all_of(std::span<iovec> pieces, Deadline deadline) {
  pieces = without(pieces, 0);
  while (!pieces.empty()) {
    if (fd_ < 0) throw Closed("the stream is closed");
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = std::min<std::size_t>(pieces.size(), IOV_MAX);
    const ssize_t count = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (count >= 0) {
      pieces = without(pieces, static_cast<std::size_t>(count));
      continue;
    }
    if (errno == EINTR) continue;
    if (!would_block(errno)) fail("sendmsg");
    if (!watcher_->wait_write(deadline)) throw TimeoutExpired();
  }
}

void Stream::send_at_once() {
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void Stream::shutdown_write() {
  if (::shutdown(fd_, SHUT_WR) != 0 && errno != ENOTCONN) fail("shutdown");
}

Stream::PeerCredentials Stream::peer_credentials() const {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd_, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) fail("SO_PEERCRED");
  return {credentials.pid, credentials.uid, credentials.gid};
}

SocketAddress Stream::peer_address() const {
  return SocketAddress::peer_of(fd_);
}
int Stream::fd() const {
  return fd_;
}

void Stream::close() {
  if (fd_ < 0) return;
  watcher_->close();
  ::close(std::exchange(fd_, -1));
}

Listener Listener::bind_tcp(const SocketAddress& address, int backlog) {
  OwnedFd fd = open_socket(address.family());
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) fail("SO_REUSEADDR");
  if (::bind(fd.get(), address.raw(), address.size()) != 0) fail("bind");
  if (::listen(fd.get(), backlog) != 0) fail("listen");
  return Listener(fd.release());
}

Listener Listener::bind_unix(const std::string& path, mode_t mode, int backlog) {
  OwnedFd fd = open_socket(AF_UNIX);
  const sockaddr_un address = unix_address(path);
  // The umask gives the file its mode from the start: nobody can connect in between.
  const mode_t before = ::umask(static_cast<mode_t>(~mode & 0777));
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(before);
  if (bound != 0) fail("bind", error);
  if (::listen(fd.get(), backlog) != 0) fail("listen");
  return Listener(fd.release());
}

Listener::Listener(int fd) : fd_(fd), watcher_(std::make_unique<FdWatcher>(fd)) {}
Listener::~Listener() {
  close();
}
Listener::Listener(Listener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), watcher_(std::move(other.watcher_)) {}

Stream Listener::accept(Deadline deadline) {
  milliseconds pause = kFirstAcceptPause;
  while (true) {
    if (fd_ < 0) throw Closed("the listener is closed");
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) return Stream(fd);
    if (would_block(errno)) {
      if (!watcher_->wait_read(deadline)) throw TimeoutExpired();
    } else if (is_exhaustion(errno)) {
      // A listening socket is never writable: this waits for the end of the pause, or for close().
      if (deadline.expired()) throw TimeoutExpired();
      watcher_->wait_write(deadline.sooner(pause));
      pause = std::min(pause * 2, kLongestAcceptPause);
    } else if (!is_lost_connection(errno)) {
      fail("accept");
    }
  }
}

SocketAddress Listener::local_address() const {
  return SocketAddress::local_of(fd_);
}
int Listener::fd() const {
  return fd_;
}

void Listener::close() {
  if (fd_ < 0) return;
  watcher_->close();
  ::close(std::exchange(fd_, -1));
}

}  // namespace greenrt
