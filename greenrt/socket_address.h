// SocketAddress: an IPv4 or IPv6 address with a port. A value of 28 bytes.

#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace greenrt {

class SocketAddress {
 public:
  SocketAddress() { v6_ = {}; }

  // `host` is an address in digits, "192.0.2.1" or "2001:db8::1", never a name. None when it is neither.
  static std::optional<SocketAddress> parse(std::string_view host, std::uint16_t port);
  // The address that `fd` is bound to, or that its peer has. Throws std::system_error.
  static SocketAddress local_of(int fd);
  static SocketAddress peer_of(int fd);

  [[nodiscard]] int family() const { return v4_.sin_family; }
  [[nodiscard]] std::uint16_t port() const;
  void set_port(std::uint16_t port);

  // 0.0.0.0 or :: (also ::ffff:0.0.0.0), which stand for every address of the host.
  [[nodiscard]] bool is_unspecified() const;

  // Without the port; an IPv4 address that came in over an IPv6 socket is written as IPv4.
  [[nodiscard]] std::string host() const;
  // "192.0.2.1:5600", "[2001:db8::1]:5600"
  [[nodiscard]] std::string to_string() const;
  // The 16 bytes of the address, IPv4 mapped into IPv6 (::ffff:a.b.c.d).
  [[nodiscard]] std::array<std::uint8_t, 16> mapped() const;

  [[nodiscard]] const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&v6_); }
  [[nodiscard]] sockaddr* raw() { return reinterpret_cast<sockaddr*>(&v6_); }
  [[nodiscard]] socklen_t size() const;
  static constexpr socklen_t capacity() { return sizeof(sockaddr_in6); }

  friend bool operator==(const SocketAddress& a, const SocketAddress& b);

 private:
  union {
    sockaddr_in v4_;
    sockaddr_in6 v6_;
  };
};

}  // namespace greenrt
