#include "db/io_wait.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <system_error>
#include <utility>

#include "greenrt/greenlet.h"

namespace db {
namespace {

// Bytes that the TCP socket has taken since it was made.
std::uint64_t bytes_written(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
    throw std::system_error(errno, std::generic_category(), "TCP_INFO");
  }
  return info.tcpi_bytes_sent - info.tcpi_bytes_retrans + info.tcpi_notsent_bytes;
}

// Milliseconds for poll(2), rounded up so that a wait does not end before its deadline; -1 for ever.
int poll_timeout(greenrt::Deadline deadline) {
  if (deadline.is_never()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining()).count();
  return static_cast<int>(std::min<std::int64_t>(left, INT_MAX));
}

bool poll_one(int fd, bool for_reading, greenrt::Deadline deadline) {
  pollfd entry{.fd = fd, .events = static_cast<short>(for_reading ? POLLIN : POLLOUT), .revents = 0};
  while (true) {
    const int ready = ::poll(&entry, 1, poll_timeout(deadline));
    if (ready > 0) return true;
    if (ready == 0 && deadline.expired()) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace

constinit thread_local IoCall* IoCall::current = nullptr;

IoCall::IoCall(greenrt::FdWatcher& watcher, Transport transport, greenrt::Deadline deadline)
    : mode_(greenrt::current() ? Mode::kGreen : Mode::kPoll),
      transport_(transport),
      watcher_(&watcher),
      deadline_(deadline),
      outer_(current) {
  current = this;
}

IoCall::IoCall(greenrt::Deadline deadline) : mode_(Mode::kPoll), deadline_(deadline), outer_(current) {
  current = this;
}

IoCall::IoCall() : mode_(Mode::kRefuse), outer_(current) {
  current = this;
}

IoCall::~IoCall() {
  current = outer_;
}

int IoCall::wait(int fd, char for_reading, int timeout_ms) {
  IoCall* const call = current;
  bool ready = false;
  if (call) {
    ready = call->wait_here(fd, for_reading != 0);
    current = call;
  } else {
    const auto deadline =
        timeout_ms > 0 ? greenrt::Deadline(std::chrono::milliseconds(timeout_ms)) : greenrt::Deadline();
    ready = poll_one(fd, for_reading != 0, deadline);
  }
  if (!ready) errno = ETIMEDOUT;
  return ready ? 1 : 0;
}

bool IoCall::wait_here(int fd, bool for_reading) {
  if (failed() || mode_ == Mode::kRefuse) return false;
  if (mode_ == Mode::kGreen) return wait_green(for_reading);
  expired_ = !poll_one(fd, for_reading, deadline_);
  return !expired_;
}

bool IoCall::wait_green_over_tls() {
  const auto written = bytes_written(watcher_->fd());
  if (std::exchange(written_, written) != written) return watcher_->wait_write(deadline_);
  return watcher_->wait_read(deadline_);
}

bool IoCall::wait_green(bool for_reading) {
  current = nullptr;  // the calls that others begin meanwhile are not inside of this one
  try {
    if (for_reading && transport_ == Transport::kTls) {
      expired_ = !wait_green_over_tls();
    } else {
      expired_ = for_reading ? !watcher_->wait_read(deadline_) : !watcher_->wait_write(deadline_);
    }
    return !expired_;
  } catch (...) {
    exception_ = std::current_exception();
    return false;
  }
}

}  // namespace db
