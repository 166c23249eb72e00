// Bytes as people and JSON have them: two lower-case digits a byte.

#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>

#include "ingest/bytes.h"

namespace hilera {

inline std::string to_hex(ingest::Bytes bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes)
    fmt::format_to(std::back_inserter(text), "{:02x}", std::to_integer<unsigned>(byte));
  return text;
}

}  // namespace hilera
