// GreenletKind: what the greenlets of one purpose ("frame", "shard") cost, from samples.
//
// A hub measures one slice of about 64 (HubOptions::switches_per_sample): how long it ran, and how long it had been
// ready before. So slices() counts samples, and sums are to be multiplied by the distance. Owned by the hub, which
// makes one by name (Hub::kind()); lives as long as the hub. One thread only.

#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "greenrt/deadline.h"
#include "greenrt/histogram.h"

namespace greenrt {

class GreenletKind {
 public:
  explicit GreenletKind(std::string name) : name_(std::move(name)) {}
  GreenletKind(const GreenletKind&) = delete;
  GreenletKind& operator=(const GreenletKind&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }

  // From one switch to the greenlet to the next switch away from it: time on the wall, in seconds.
  [[nodiscard]] const Histogram& slices() const { return slices_; }
  // From ready to running, in seconds; too long by up to a sample's distance, for that is how old since() may be.
  [[nodiscard]] const Histogram& delays() const { return delays_; }
  [[nodiscard]] Duration longest_slice() const { return longest_slice_; }
  // The deepest use of a stack, in bytes, in steps of a page: a bound from above, since a stack may have been used by
  // others before. Of one in 64 of those that have ended,
  // and of those that Hub::stack_high_water() has met.
  [[nodiscard]] std::size_t stack_high_water() const { return stack_high_water_; }

  void note_slice(Duration ran, Duration was_ready) {
    slices_.observe(ran);
    delays_.observe(was_ready);
    longest_slice_ = std::max(longest_slice_, ran);
  }
  void note_stack(std::size_t used) { stack_high_water_ = std::max(stack_high_water_, used); }

 private:
  // Slices take microseconds when all is well.
  static Histogram slice_bounds() {
    return {0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001,
            0.00025,  0.0005,    0.001,    0.005,   0.025,    0.1};
  }

  std::string name_;
  Histogram slices_ = slice_bounds();
  Histogram delays_ = Histogram::latency();
  Duration longest_slice_{};
  std::size_t stack_high_water_ = 0;
};

}  // namespace greenrt
