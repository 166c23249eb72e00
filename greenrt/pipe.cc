#include "greenrt/pipe.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "greenrt/error.h"

namespace greenrt {
namespace {

[[noreturn]] void fail(const char* what, int error = errno) {
  throw std::system_error(error, std::generic_category(), what);
}

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

// write(2) without the SIGPIPE, which belongs to the thread that writes.
ssize_t write_quietly(int fd, std::string_view text) {
  sigset_t pipe_signal;
  sigset_t before;
  sigset_t pending;
  ::sigemptyset(&pipe_signal);
  ::sigaddset(&pipe_signal, SIGPIPE);
  ::sigpending(&pending);
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const ssize_t count = ::write(fd, text.data(), text.size());
  const int error = errno;
  if (count < 0 && error == EPIPE && !::sigismember(&pending, SIGPIPE)) {
    const timespec at_once{};
    while (::sigtimedwait(&pipe_signal, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return count;
}

}  // namespace

std::pair<PipeEnd, PipeEnd> PipeEnd::make() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) fail("pipe2");
  return {PipeEnd(fds[0]), PipeEnd(fds[1])};
}

PipeEnd::PipeEnd(int fd) : fd_(fd), watcher_(std::make_unique<FdWatcher>(fd)) {
  if (::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
    const int error = errno;
    close();
    fail("fcntl", error);
  }
}

PipeEnd::~PipeEnd() {
  close();
}

PipeEnd::PipeEnd(PipeEnd&& other) noexcept : fd_(std::exchange(other.fd_, -1)), watcher_(std::move(other.watcher_)) {}

bool PipeEnd::wait_read(Deadline deadline) {
  if (fd_ < 0) throw Closed("the pipe is closed");
  return watcher_->wait_read(deadline);
}

bool PipeEnd::wait_write(Deadline deadline) {
  if (fd_ < 0) throw Closed("the pipe is closed");
  return watcher_->wait_write(deadline);
}

std::size_t PipeEnd::read_some(std::span<std::byte> buffer, Deadline deadline) {
  while (true) {
    if (fd_ < 0) throw Closed("the pipe is closed");
    const ssize_t count = ::read(fd_, buffer.data(), buffer.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EINTR) continue;
    if (!would_block(errno)) fail("read");
    if (!wait_read(deadline)) throw TimeoutExpired();
  }
}

std::string PipeEnd::read_all(Deadline deadline) {
  std::string text;
  std::array<std::byte, 4096> buffer;
  while (const std::size_t size = read_some(buffer, deadline))
    text.append(reinterpret_cast<const char*>(buffer.data()), size);
  return text;
}

void PipeEnd::write_all(std::string_view text, Deadline deadline) {
  while (!text.empty()) {
    if (fd_ < 0) throw Closed("the pipe is closed");
    const ssize_t count = write_quietly(fd_, text);
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    if (errno == EINTR) continue;
    if (!would_block(errno)) fail("write");
    if (!wait_write(deadline)) throw TimeoutExpired();
  }
}

void PipeEnd::close() {
  if (fd_ < 0) return;
  watcher_->close();
  ::close(std::exchange(fd_, -1));
}

}  // namespace greenrt
