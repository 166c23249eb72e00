// ArrivalClock: the stamp of each datagram, in microseconds since 1970-01-01 UTC: max(now, last + 1), strictly
// increasing whatever the system's clock does.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace ingest {

class ArrivalClock {
 public:
  // No stamp is at or below `last`: the highest that was ever given out, as far as it is known at start.
  explicit ArrivalClock(std::int64_t last = 0) : last_(last) {}

  // Microseconds since 1970, by the system's clock.
  [[nodiscard]] static std::int64_t now() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  }

  // `now` may be that of a batch: one look at the clock serves all that came together.
  [[nodiscard]] std::int64_t next(std::int64_t now) { return last_ = std::max(now, last_ + 1); }

  [[nodiscard]] std::int64_t last() const { return last_; }

 private:
  std::int64_t last_;
};

}  // namespace ingest
