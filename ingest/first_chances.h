// FirstChances: one datagram in a while for a device that nobody has heard, however little can be taken of such
// devices: so it is heard, and is no stranger any more. Whoever claims to be that device spends its chances, too.
//
// A table of fixed size; devices that meet in it share their chances. Never yields, allocates nothing once it is made.
// One thread only.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "greenrt/deadline.h"

namespace ingest {

class FirstChances {
 public:
  static constexpr std::chrono::milliseconds kEvery{100};

  // `hash` is the keyed_hash() of the serial. True when it has a chance, which is spent then.
  [[nodiscard]] bool take(std::uint64_t hash, greenrt::Clock::time_point now) {
    greenrt::Clock::time_point& next = next_[hash % next_.size()];
    if (now < next) return false;
    next = now + kEvery;
    return true;
  }

 private:
  static constexpr std::size_t kPlaces = std::size_t{1} << 12;

  std::vector<greenrt::Clock::time_point> next_ = std::vector<greenrt::Clock::time_point>(kPlaces);
};

}  // namespace ingest
