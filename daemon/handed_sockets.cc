#include "daemon/handed_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <system_error>
#include <utility>

namespace hilera {

namespace {

constexpr int kFirstDescriptor = 3;  // SD_LISTEN_FDS_START

template <typename Integer>
Integer parse_environment(const char* name, const char* text, Integer smallest, Integer largest) {
  Integer value{};
  const char* end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, value);
  if (error != std::errc{} || rest != end || value < smallest || value > largest) {
    throw HandedSocketError(std::string(name) + ": not a number that systemd would give: \"" + text + "\"");
  }
  return value;
}

std::vector<std::string> names_from_environment(int count) {
  std::vector<std::string> names;
  if (const char* text = std::getenv("LISTEN_FDNAMES")) {
    std::string_view rest = text;
    while (true) {
      const auto colon = rest.find(':');
      names.emplace_back(rest.substr(0, colon));
      if (colon == std::string_view::npos) break;
      rest.remove_prefix(colon + 1);
    }
  }
  if (!names.empty() && names.size() != static_cast<std::size_t>(count)) {
    throw HandedSocketError("LISTEN_FDNAMES has " + std::to_string(names.size()) + " names, and LISTEN_FDS says " +
                            std::to_string(count));
  }
  names.resize(static_cast<std::size_t>(count));
  return names;
}

int option_of(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

greenrt::SocketAddress checked_address(int fd) {
  const auto refuse = [fd](std::string_view reason) -> HandedSocketError {
    return HandedSocketError("descriptor " + std::to_string(fd) + " handed over by systemd is " + std::string(reason));
  };
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) throw refuse("not open");
  const int family = option_of(fd, SO_DOMAIN);
  if (family < 0) throw refuse("not a socket");
  if ((family != AF_INET && family != AF_INET6) || option_of(fd, SO_PROTOCOL) != IPPROTO_UDP) {
    throw refuse("not a UDP socket: ListenDatagram=ADDRESS:PORT makes one");
  }
  auto address = greenrt::SocketAddress::local_of(fd);
  if (address.port() == 0) throw refuse("not bound to a port");
  return address;
}

// A port that the configuration leaves to the kernel is whichever the socket has.
bool is_address_of(const greenrt::SocketAddress& address, const ListenerConfig& listener) {
  const std::uint16_t port = listener.port == 0 ? address.port() : listener.port;
  return greenrt::SocketAddress::parse(listener.address, port) == address;
}

std::string address_text(const ListenerConfig& listener) {
  const auto address = greenrt::SocketAddress::parse(listener.address, listener.port);
  return address ? address->to_string() : listener.address;
}

}  // namespace

HandedSockets HandedSockets::from_environment() {
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  if (pid == nullptr || count == nullptr) return {};
  if (parse_environment<pid_t>("LISTEN_PID", pid, 1, std::numeric_limits<pid_t>::max()) != ::getpid()) return {};
  return {kFirstDescriptor, names_from_environment(parse_environment("LISTEN_FDS", count, 0, 65536))};
}

HandedSockets::HandedSockets(int first, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i)
    sockets_.push_back({.fd = first + static_cast<int>(i), .name = names[i], .address = {}, .listener = {}});
  try {
    for (Socket& socket : sockets_)
      socket.address = checked_address(socket.fd);
  } catch (...) {
    close_all();
    throw;
  }
}

HandedSockets::HandedSockets(HandedSockets&& other) noexcept
    : sockets_(std::exchange(other.sockets_, {})), misfits_(std::move(other.misfits_)) {}

HandedSockets::~HandedSockets() {
  close_all();
}

void HandedSockets::close_all() {
  for (const Socket& socket : sockets_)
    ::close(socket.fd);
  sockets_.clear();
}

std::string HandedSockets::Socket::describe() const {
  return "the socket " + (name.empty() ? "" : "\"" + name + "\" ") + "at " + address.to_string() +
         ", handed over by systemd, ";
}

std::string HandedSockets::find_listener(const Socket& socket, const std::vector<ListenerConfig>& listeners) const {
  const auto free = [&](const ListenerConfig& listener) {
    if (std::ranges::find(sockets_, listener.name, &Socket::listener) == sockets_.end()) return listener.name;
    throw std::runtime_error(socket.describe() + "is the second one for listener " + listener.name);
  };
  for (const ListenerConfig& each : listeners) {
    if (each.name != socket.name) continue;
    if (is_address_of(socket.address, each)) return free(each);
    throw std::runtime_error(socket.describe() + "has the name of a listener that is configured at " +
                             address_text(each));
  }
  for (const ListenerConfig& each : listeners) {
    if (each.port != 0 && is_address_of(socket.address, each)) return free(each);
  }
  throw std::runtime_error(socket.describe() + "fits no listener");
}

void HandedSockets::assign(const std::vector<ListenerConfig>& listeners) {
  for (Socket& socket : sockets_) {
    try {
      socket.listener = find_listener(socket, listeners);
    } catch (const std::runtime_error& error) {
      misfits_.emplace_back(error.what());
      ::close(socket.fd);
    }
  }
  std::erase_if(sockets_, [](const Socket& socket) { return socket.listener.empty(); });
}

std::optional<greenrt::UdpSocket> HandedSockets::take(std::string_view listener) {
  if (listener.empty()) return std::nullopt;
  const auto found = std::find_if(sockets_.begin(), sockets_.end(),
                                  [listener](const Socket& socket) { return socket.listener == listener; });
  if (found == sockets_.end()) return std::nullopt;
  const int fd = found->fd;
  sockets_.erase(found);
  return greenrt::UdpSocket::adopt(fd);
}

}  // namespace hilera
