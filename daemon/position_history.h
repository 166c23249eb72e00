// PositionHistory: how far back a position must go to be where it was a certain time ago.
//
// What a server takes into its grave it had committed shortly before it died, and nothing was committed afterwards: so
// the time is counted back from the last commit. Kept as some 64 marks over the time, each the lowest of its part of
// it, so the answer may be a little too low and never too high. Never yields.

#pragma once

#include <cstdint>
#include <deque>

#include "greenrt/deadline.h"

namespace hilera {

class PositionHistory {
 public:
  // Begins at `place`, as if it had stood there all the time.
  PositionHistory(greenrt::Duration span, std::int64_t place) : span_(span), latest_{.place = place} {}

  // By a commit, it stands at `place` now. Times do not go back.
  void note(std::int64_t place, greenrt::Clock::time_point now);
  // Something behind `place` was committed now, though the position had been further already.
  void note_older(std::int64_t place, greenrt::Clock::time_point now);

  // The lowest place since `span` before the last commit.
  [[nodiscard]] std::int64_t lowest() const;

 private:
  struct Mark {
    greenrt::Clock::time_point time = greenrt::Clock::time_point::min();
    std::int64_t place = 0;
  };

  void add(Mark mark);

  greenrt::Duration span_;
  Mark latest_;
  std::deque<Mark> marks_;
};

}  // namespace hilera
