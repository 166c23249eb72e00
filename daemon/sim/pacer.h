// Pacer: how many frames may be made by now, at a given rate.
//
// What could not be made in time is made up for, but never more than one second's worth. Pure: told the time.

#pragma once

#include <cstdint>

#include "greenrt/deadline.h"

namespace hilera::sim {

class Pacer {
 public:
  using TimePoint = greenrt::Clock::time_point;

  // `rate` in frames per second, 0: as fast as possible. The first frame is due at once.
  Pacer(double rate, TimePoint start);

  // How many frames are due at `now`.
  std::uint64_t due(TimePoint now);

  // `frames` of them were made.
  void made(std::uint64_t frames);

  // When the next one is due, seen from the last call of due().
  [[nodiscard]] TimePoint next() const;

 private:
  [[nodiscard]] bool unlimited() const { return rate_ == 0; }

  double rate_;
  double allowance_ = 1;
  TimePoint seen_;
};

}  // namespace hilera::sim
