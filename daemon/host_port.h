// A server's name and port, as in `db.example:3306`, `[::1]:3306` or `db.example`. Nothing is resolved here.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hilera {

struct HostPort {
  std::string host;  // name or address; an IPv6 address without its brackets
  std::uint16_t port = 0;

  // Parses back to the same value.
  [[nodiscard]] std::string text() const;

  bool operator==(const HostPort&) const = default;
};

// None when the text is neither a name nor an address, or the port is not in 1..65535.
std::optional<HostPort> parse_host_port(std::string_view text, std::uint16_t default_port);

bool is_ip_address(std::string_view text);
bool is_ipv6_address(std::string_view text);

// Letters, digits, '-' and '.', as DNS names have them (an underscore is tolerated).
bool is_host_name(std::string_view text);

}  // namespace hilera
