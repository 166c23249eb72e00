// Reads big-endian fields from the front of a byte range.
//
// Every length is checked against what remains. The first read that does not fit fails the reader for good: from then
// on it returns zeros and empty ranges, and ok() is false. So a parser may read a group of fields and ask once, but it
// asks before it trusts any of them, and in every loop whose count came from the wire. Never throws, never allocates;
// the ranges it returns point into the range that it was given.

#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "ingest/bytes.h"

namespace ingest {

class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t remaining() const { return bytes_.size() - position_; }

  // What was read since position() returned `start`.
  [[nodiscard]] Bytes since(std::size_t start) const { return bytes_.subspan(start, position_ - start); }

  Bytes take(std::size_t size) {
    if (!ok_ || size > remaining()) {
      ok_ = false;
      return {};
    }
    const Bytes taken = bytes_.subspan(position_, size);
    position_ += size;
    return taken;
  }

  template <std::integral T>
  T read() {
    return static_cast<T>(read_unsigned(sizeof(T)));
  }

  // An unsigned integer of 1 to 8 bytes.
  std::uint64_t read_unsigned(std::size_t width) {
    std::uint64_t value = 0;
    for (const std::byte byte : take(width))
      value = value << 8 | std::to_integer<std::uint64_t>(byte);
    return value;
  }

  float read_float() { return std::bit_cast<float>(read<std::uint32_t>()); }
  double read_double() { return std::bit_cast<double>(read<std::uint64_t>()); }

 private:
  Bytes bytes_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace ingest
