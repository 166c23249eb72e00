// BlockDetector: tells from what a Monitor reads of a hub, time and again, whether one greenlet keeps it to itself.
//
// Pure arithmetic: the times are the caller's.

#pragma once

#include <cstdint>

#include "greenrt/deadline.h"

namespace greenrt {

class BlockDetector {
 public:
  // Blocked is who runs for `limit` without a switch. Looks come every `limit / kLooks`.
  static constexpr int kLooks = 4;
  explicit BlockDetector(Duration limit) : limit_(limit) {}

  // True once for each block: at the first look that finds it. A look that comes much too late proves nothing, for then
  // the whole process was stopped, or the machine was.
  bool look(Clock::time_point now, std::uint64_t switches, bool polling) {
    const bool late = now - last_look_ > limit_;
    last_look_ = now;
    if (switches != switches_ || polling) {
      switches_ = switches;
      since_ = now;
      told_ = false;
    }
    if (told_) return false;
    if (late) since_ = now;
    told_ = now - since_ >= limit_;
    return told_;
  }

  // From the look that first saw it to the last one.
  [[nodiscard]] Duration blocked_for() const { return last_look_ - since_; }

 private:
  Duration limit_;
  std::uint64_t switches_ = 0;
  Clock::time_point since_;
  Clock::time_point last_look_;
  bool told_ = false;
};

}  // namespace greenrt
