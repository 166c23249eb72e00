// Latencies: how long things took, with quantiles that are right within 3 %. Fixed size, no allocation.
//
// Buckets grow with the value: each power of two of microseconds is cut into 32. What takes more than an hour counts as
// an hour.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace hilera::sim {

class Latencies {
 public:
  void add(std::chrono::nanoseconds latency);

  [[nodiscard]] std::uint64_t count() const { return count_; }

  // The latency that a share of `quantile` (0 to 1) does not exceed; none while nothing was added.
  [[nodiscard]] std::optional<std::chrono::microseconds> quantile(double quantile) const;

 private:
  static constexpr unsigned kStepBits = 5;
  static constexpr unsigned kPowers = 32;  // 2^32 microseconds are 71 minutes

  static std::size_t bucket_of(std::uint64_t microseconds);
  static std::uint64_t highest_in(std::size_t bucket);

  std::array<std::uint64_t, (kPowers - kStepBits + 1) << kStepBits> counts_{};
  std::uint64_t count_ = 0;
};

}  // namespace hilera::sim
