// Bytes and text of the wire: two views of the same memory. Neither owns it.

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace ingest {

using Bytes = std::span<const std::byte>;

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace ingest
