// Datagrams as hex text, so that a test shows the bytes of the wire. Spaces and line ends in the text are left out.

#pragma once

#include <cctype>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/bytes.h"

namespace ingest::testing {

inline std::byte hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::byte>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::byte>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::byte>(c - 'A' + 10);
  throw std::invalid_argument("not a hex digit");
}

inline std::vector<std::byte> from_hex(std::string_view text) {
  std::vector<std::byte> bytes;
  bool upper_half = true;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0) continue;
    if (upper_half) {
      bytes.push_back(hex_digit(c) << 4);
    } else {
      bytes.back() |= hex_digit(c);
    }
    upper_half = !upper_half;
  }
  if (!upper_half) throw std::invalid_argument("half a byte");
  return bytes;
}

inline std::string to_hex(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 0x0F];
  }
  return text;
}

}  // namespace ingest::testing
