#include "daemon/sim/latencies.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace hilera::sim {

// Below 2^kStepBits each value has a bucket of its own. Above, the leading bit says the power, and the kStepBits after
// it the step.
std::size_t Latencies::bucket_of(std::uint64_t microseconds) {
  const auto width = static_cast<unsigned>(std::bit_width(microseconds));
  if (width <= kStepBits) return microseconds;
  const unsigned shift = width - 1 - kStepBits;
  return (static_cast<std::size_t>(shift) << kStepBits) + (microseconds >> shift);
}

std::uint64_t Latencies::highest_in(std::size_t bucket) {
  constexpr std::size_t kSteps = std::size_t{1} << kStepBits;
  if (bucket < 2 * kSteps) return bucket;
  const std::size_t shift = bucket / kSteps - 1;
  const std::size_t lead = kSteps + bucket % kSteps;
  return ((lead + 1) << shift) - 1;
}

void Latencies::add(std::chrono::nanoseconds latency) {
  using std::chrono::microseconds;
  const microseconds clamped = std::clamp<microseconds>(std::chrono::duration_cast<microseconds>(latency),
                                                        microseconds::zero(), std::chrono::hours(1));
  ++counts_[bucket_of(static_cast<std::uint64_t>(clamped.count()))];
  ++count_;
}

std::optional<std::chrono::microseconds> Latencies::quantile(double quantile) const {
  if (count_ == 0) return std::nullopt;
  const auto wanted = static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(count_)));
  const std::uint64_t rank = std::clamp<std::uint64_t>(wanted, 1, count_);
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while ((seen += counts_[bucket]) < rank)
    ++bucket;
  return std::chrono::microseconds(highest_in(bucket));
}

}  // namespace hilera::sim
