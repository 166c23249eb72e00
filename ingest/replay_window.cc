#include "ingest/replay_window.h"

#include <algorithm>
#include <utility>

namespace ingest {

ReplayWindow::ReplayWindow(std::uint64_t highest, std::span<const std::byte> bits) : highest_(highest) {
  for (std::size_t i = 0; i < std::min(kBits, 8 * bits.size()); ++i)
    seen_[i] = (bits[i / 8] >> i % 8 & std::byte{1}) != std::byte{0};
  if (highest_ != 0) seen_[0] = true;
}

ReplayWindow::Standing ReplayWindow::standing(std::uint64_t number) const {
  if (number > highest_) return Standing::kNew;
  if (epoch_of(number) != epoch_of(highest_)) return Standing::kTooOld;
  const std::uint64_t behind = highest_ - number;
  if (behind >= kBits) return Standing::kTooOld;
  return seen_[behind] ? Standing::kSeen : Standing::kNew;
}

void ReplayWindow::mark(std::uint64_t number) {
  if (standing(number) == Standing::kTooOld) return;
  if (number > highest_) {
    const bool same_epoch = epoch_of(number) == epoch_of(highest_);
    const std::uint64_t ahead = number - highest_;
    if (same_epoch && ahead < kBits) {
      seen_ <<= ahead;
    } else {
      seen_.reset();
    }
    highest_ = number;
  }
  seen_[highest_ - number] = true;
}

void ReplayWindow::merge(const ReplayWindow& other) {
  ReplayWindow lower = other;
  if (lower.highest_ > highest_) std::swap(lower, *this);
  for (std::size_t i = 0; i < std::min<std::uint64_t>(kBits, lower.highest_); ++i)
    if (lower.seen_[i]) mark(lower.highest_ - i);
}

std::array<std::byte, ReplayWindow::kBytes> ReplayWindow::bits() const {
  std::array<std::byte, kBytes> bytes{};
  for (std::size_t i = 0; i < kBits; ++i)
    if (seen_[i]) bytes[i / 8] |= std::byte{1} << i % 8;
  return bytes;
}

}  // namespace ingest
