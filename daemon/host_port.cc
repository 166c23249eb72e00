#include "daemon/host_port.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace hilera {

namespace {

constexpr std::size_t kMaxHostName = 253;

bool is_address_of(int family, std::string_view text) {
  in6_addr address;
  if (text.find('\0') != std::string_view::npos) return false;
  return inet_pton(family, std::string(text).c_str(), &address) == 1;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace

std::string HostPort::text() const {
  const std::string name = is_ipv6_address(host) ? "[" + host + "]" : host;
  return name + ":" + std::to_string(port);
}

std::optional<HostPort> parse_host_port(std::string_view text, std::uint16_t default_port) {
  HostPort result{{}, default_port};
  std::string_view host = text;
  std::optional<std::string_view> port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!is_ipv6_address(host) || (!rest.empty() && rest.front() != ':')) return std::nullopt;
    if (!rest.empty()) port = rest.substr(1);
  } else if (!is_ipv6_address(text)) {
    const auto colon = text.rfind(':');
    if (colon != std::string_view::npos) {
      host = text.substr(0, colon);
      port = text.substr(colon + 1);
    }
    if (!is_host_name(host)) return std::nullopt;
  }
  if (port) {
    const auto number = parse_port(*port);
    if (!number) return std::nullopt;
    result.port = *number;
  }
  result.host = host;
  return result;
}

bool is_ip_address(std::string_view text) {
  return is_address_of(AF_INET, text) || is_ipv6_address(text);
}

bool is_ipv6_address(std::string_view text) {
  return is_address_of(AF_INET6, text);
}

bool is_host_name(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  };
  return !text.empty() && text.size() <= kMaxHostName && text.front() != '-' && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), allowed);
}

}  // namespace hilera
