// Histogram: counts of observations in fixed buckets, for one thread. No lock, no allocation after construction.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace greenrt {

class Histogram {
 public:
  // Upper bounds of the buckets, ascending and inclusive, in the unit that is observed; one more bucket takes the rest.
  Histogram(std::initializer_list<double> bounds) : bounds_(bounds), counts_(bounds_.size() + 1) {}

  // Bounds in seconds that suit latencies from 50 us to 10 s.
  static Histogram latency() {
    return {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
  }

  void observe(double value) {
    const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
    ++counts_[static_cast<std::size_t>(bucket)];
    sum_ += value;
    ++count_;
  }

  template <typename Rep, typename Period>
  void observe(std::chrono::duration<Rep, Period> value) {
    observe(std::chrono::duration<double>(value).count());
  }

  [[nodiscard]] const std::vector<double>& bounds() const { return bounds_; }
  // One count a bucket, not cumulated; the last one is for what exceeds every bound.
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] double sum() const { return sum_; }

 private:
  std::vector<double> bounds_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

}  // namespace greenrt
