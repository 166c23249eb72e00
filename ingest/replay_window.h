// ReplayWindow: which numbers of a device have been seen: the highest one, and for the 1024 up to it, one bit each.
//
// A number is epoch << 32 | sequence. The epoch counts the starts of a device and grows; a larger one begins the window
// anew. The window of RFC 6347 section 4.1.2.6, wider, because a fleet's network may reorder what a device keeps in
// flight.
//
// A value of 136 bytes. Never throws.

#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ingest {

class ReplayWindow {
 public:
  static constexpr std::size_t kBits = 1024;
  static constexpr std::size_t kBytes = kBits / 8;

  enum class Standing : std::uint8_t {
    kNew,     // not seen; above the highest, or within the window
    kSeen,    // within the window
    kTooOld,  // of an earlier epoch, or below the window: nobody can tell any more
  };

  ReplayWindow() = default;
  // As it was stored: bit i of `bits`, the least significant of the first byte being bit 0, stands for highest - i.
  // Fewer bytes than kBytes: the others are 0.
  ReplayWindow(std::uint64_t highest, std::span<const std::byte> bits);

  [[nodiscard]] Standing standing(std::uint64_t number) const;
  // Notes that it was seen. One that is too old changes nothing.
  void mark(std::uint64_t number);
  // Notes all that another window knows of the same device.
  void merge(const ReplayWindow& other);

  [[nodiscard]] bool empty() const { return highest_ == 0; }
  [[nodiscard]] std::uint64_t highest() const { return highest_; }
  [[nodiscard]] std::array<std::byte, kBytes> bits() const;

 private:
  static constexpr std::uint64_t epoch_of(std::uint64_t number) { return number >> 32; }

  std::uint64_t highest_ = 0;  // 0: nothing was seen; no device uses it
  std::bitset<kBits> seen_;    // bit i: highest_ - i
};

}  // namespace ingest
