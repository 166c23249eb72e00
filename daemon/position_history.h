// PositionHistory: how far back a position must go to be where it was a certain time ago.
//
// What a server of a cluster takes into its grave it had committed shortly before; the position of that time, or a
// lower one that it has been moved back to since, is where to begin again. Kept as some 64 marks over the time, each
// the lowest of its part of it, so the answer may be a little too low and never too high. Never yields.

#pragma once

#include <cstdint>
#include <deque>

#include "greenrt/deadline.h"

namespace hilera {

class PositionHistory {
 public:
  // Begins at `place`, as if it had stood there all the time.
  PositionHistory(greenrt::Duration span, std::int64_t place) : span_(span), latest_{.place = place} {}

  // It stands at `place` now, and has stood where it was noted last until now. Times do not go back.
  void note(std::int64_t place, greenrt::Clock::time_point now);

  // The lowest place since `span` before now.
  [[nodiscard]] std::int64_t lowest(greenrt::Clock::time_point now) const;

 private:
  struct Mark {
    greenrt::Clock::time_point time = greenrt::Clock::time_point::min();
    std::int64_t place = 0;
  };

  greenrt::Duration span_;
  Mark latest_;
  std::deque<Mark> marks_;
};

}  // namespace hilera
