// Random: a small, fast source of numbers (SplitMix64) whose sequence depends on the seed alone, on every machine: the
// distributions of <random> differ between libraries, and its engines are large where each device has one of its own.
//
// Not for secrets. A value of 8 bytes.

#pragma once

#include <cstdint>

namespace hilera::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t mixed = state_ += 0x9E3779B97F4A7C15;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
    return mixed ^ mixed >> 31;
  }

  // 0 <= result < 1.
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  // From `low` to `high`, both possible.
  int between(int low, int high) {
    const auto span = static_cast<std::uint64_t>(std::int64_t{high} - low + 1);
    return static_cast<int>(low + static_cast<std::int64_t>((next() >> 32) * span >> 32));
  }

  // True once in `n` times.
  bool one_in(int n) { return between(1, n) == 1; }

 private:
  std::uint64_t state_;
};

}  // namespace hilera::sim
