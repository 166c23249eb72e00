// Appends big-endian fields to a vector that the caller owns: the counterpart of ByteReader, for frames that are built.

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ingest/bytes.h"

namespace ingest {

class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::byte>& out) : out_(out) {}

  template <std::integral T>
  void write(T value) {
    write_unsigned(static_cast<std::uint64_t>(value), sizeof(T));
  }

  // The lowest `width` bytes of `value`, 1 to 8.
  void write_unsigned(std::uint64_t value, std::size_t width) {
    while (width-- > 0)
      out_.push_back(static_cast<std::byte>(value >> (8 * width) & 0xFF));
  }

  void write_bytes(Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void write_text(std::string_view text) { write_bytes(as_bytes(text)); }

 private:
  std::vector<std::byte>& out_;
};

}  // namespace ingest
