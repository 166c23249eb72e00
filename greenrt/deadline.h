// Deadline: a point of monotonic time until which a call may wait. The only form in which greenrt takes timeouts.
//
// Made once, from a duration, at the edge of an operation and passed down unchanged, so that a chain of calls shares
// one budget. A duration converts implicitly: event.wait(50ms). Zero and negative durations mean "at the next pass of
// the hub": a wait that is already satisfied still succeeds.

#pragma once

#include <chrono>

namespace greenrt {

// std::chrono::steady_clock, and its points of time are exchangeable with that one's; but a Simulation puts a time of
// its own in its place, for its thread.
class Clock : public std::chrono::steady_clock {
 public:
  static time_point now() noexcept { return simulated_now ? *simulated_now : std::chrono::steady_clock::now(); }

 private:
  friend class Simulation;
  static inline constinit thread_local const time_point* simulated_now = nullptr;
};

using Duration = Clock::duration;

class Deadline {
 public:
  // Waits for ever.
  constexpr Deadline() = default;
  static constexpr Deadline never() { return {}; }

  template <typename Rep, typename Period>
  Deadline(std::chrono::duration<Rep, Period> from_now) : at_(saturating_add(Clock::now(), from_now)) {}

  static constexpr Deadline at(Clock::time_point when) {
    Deadline deadline;
    deadline.at_ = when;
    return deadline;
  }

  [[nodiscard]] constexpr bool is_never() const { return at_ == Clock::time_point::max(); }
  [[nodiscard]] bool expired() const { return !is_never() && Clock::now() >= at_; }
  [[nodiscard]] constexpr Clock::time_point time() const { return at_; }

  // What is left: zero when expired, Duration::max() when never.
  [[nodiscard]] Duration remaining() const {
    if (is_never()) return Duration::max();
    const auto now = Clock::now();
    return now >= at_ ? Duration::zero() : at_ - now;
  }

  // The earlier of two.
  [[nodiscard]] constexpr Deadline sooner(Deadline other) const { return other.at_ < at_ ? other : *this; }

 private:
  template <typename Rep, typename Period>
  static Clock::time_point saturating_add(Clock::time_point now, std::chrono::duration<Rep, Period> delta) {
    if (delta <= delta.zero()) return now;
    const auto room = std::chrono::duration<double>(Clock::time_point::max() - now);
    if (std::chrono::duration<double>(delta) >= room) return Clock::time_point::max();
    return now + std::chrono::duration_cast<Duration>(delta);
  }

  Clock::time_point at_ = Clock::time_point::max();
};

}  // namespace greenrt
