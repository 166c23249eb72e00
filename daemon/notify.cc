#include "daemon/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace hilera {

namespace {

template <typename Integer>
Integer parse_environment(const char* name, const char* text) {
  Integer value{};
  const char* end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, value);
  if (error != std::errc{} || rest != end || value <= 0) {
    throw std::runtime_error(std::string(name) + ": expected a positive number, got \"" + text + "\"");
  }
  return value;
}

std::optional<std::chrono::microseconds> watchdog_from_environment() {
  const char* timeout = std::getenv("WATCHDOG_USEC");
  const char* pid = std::getenv("WATCHDOG_PID");
  if (timeout == nullptr) return std::nullopt;
  if (pid != nullptr && parse_environment<pid_t>("WATCHDOG_PID", pid) != getpid()) return std::nullopt;
  return std::chrono::microseconds(parse_environment<std::chrono::microseconds::rep>("WATCHDOG_USEC", timeout));
}

}  // namespace

Notifier Notifier::from_environment() {
  const char* address = std::getenv("NOTIFY_SOCKET");
  if (address == nullptr || *address == '\0') return {};
  return {address, watchdog_from_environment()};
}

Notifier::Notifier(std::string_view address, std::optional<std::chrono::microseconds> watchdog_timeout)
    : address_(address), watchdog_timeout_(watchdog_timeout) {
  const bool known_form = address_.size() > 1 && (address_.front() == '/' || address_.front() == '@');
  if (!known_form || address_.size() >= sizeof(sockaddr_un::sun_path)) {
    throw std::runtime_error("NOTIFY_SOCKET: expected a path or @name of a Unix socket, got \"" + address_ + "\"");
  }
  fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "NOTIFY_SOCKET");
}

Notifier::Notifier(Notifier&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      address_(std::move(other.address_)),
      watchdog_timeout_(std::exchange(other.watchdog_timeout_, std::nullopt)) {}

Notifier& Notifier::operator=(Notifier&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(address_, other.address_);
  std::swap(watchdog_timeout_, other.watchdog_timeout_);
  return *this;
}

Notifier::~Notifier() {
  if (fd_ >= 0) close(fd_);
}

std::string Notifier::status_line(std::string_view text) {
  std::string line = "STATUS=";
  line += text;
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

std::error_code Notifier::send(const std::string& message) {
  if (fd_ < 0) return {};
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  address_.copy(name.sun_path, sizeof(name.sun_path) - 1);
  if (name.sun_path[0] == '@') name.sun_path[0] = '\0';
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size() + (address_.front() == '/' ? 1 : 0));
  const ssize_t sent =
      sendto(fd_, message.data(), message.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&name), length);
  return sent < 0 ? std::error_code(errno, std::generic_category()) : std::error_code{};
}

}  // namespace hilera
