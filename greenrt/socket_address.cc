#include "greenrt/socket_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace greenrt {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

std::optional<SocketAddress> SocketAddress::parse(std::string_view host, std::uint16_t port) {
  const std::string text(host);
  if (text.find('\0') != std::string::npos) return std::nullopt;
  SocketAddress address;
  if (::inet_pton(AF_INET, text.c_str(), &address.v4_.sin_addr) == 1) {
    address.v4_.sin_family = AF_INET;
  } else if (::inet_pton(AF_INET6, text.c_str(), &address.v6_.sin6_addr) == 1) {
    address.v6_.sin6_family = AF_INET6;
  } else {
    return std::nullopt;
  }
  address.set_port(port);
  return address;
}

SocketAddress SocketAddress::local_of(int fd) {
  SocketAddress address;
  socklen_t size = capacity();
  if (::getsockname(fd, address.raw(), &size) != 0)
    throw std::system_error(errno, std::generic_category(), "getsockname");
  return address;
}

SocketAddress SocketAddress::peer_of(int fd) {
  SocketAddress address;
  socklen_t size = capacity();
  if (::getpeername(fd, address.raw(), &size) != 0)
    throw std::system_error(errno, std::generic_category(), "getpeername");
  return address;
}

std::uint16_t SocketAddress::port() const {
  return ntohs(v4_.sin_port);
}
void SocketAddress::set_port(std::uint16_t port) {
  v4_.sin_port = htons(port);
}

socklen_t SocketAddress::size() const {
  return family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

std::array<std::uint8_t, 16> SocketAddress::mapped() const {
  std::array<std::uint8_t, 16> bytes{};
  if (family() == AF_INET6) {
    std::memcpy(bytes.data(), &v6_.sin6_addr, bytes.size());
  } else {
    std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin());
    std::memcpy(bytes.data() + kMappedPrefix.size(), &v4_.sin_addr, sizeof v4_.sin_addr);
  }
  return bytes;
}

bool SocketAddress::is_unspecified() const {
  const auto bytes = mapped();
  const bool v4 = std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin());
  return std::all_of(bytes.begin() + (v4 ? kMappedPrefix.size() : 0), bytes.end(), [](auto byte) { return byte == 0; });
}

std::string SocketAddress::host() const {
  const auto bytes = mapped();
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin())) {
    ::inet_ntop(AF_INET, bytes.data() + kMappedPrefix.size(), text.data(), text.size());
  } else {
    ::inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  }
  return text.data();
}

std::string SocketAddress::to_string() const {
  const std::string text = host();
  const std::string number = std::to_string(port());
  return text.find(':') == std::string::npos ? text + ":" + number : "[" + text + "]:" + number;
}

bool operator==(const SocketAddress& a, const SocketAddress& b) {
  return a.port() == b.port() && a.mapped() == b.mapped();
}

}  // namespace greenrt
