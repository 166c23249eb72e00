// RateLimiter: lets one event of a kind through per interval and counts the others.
//
// Not safe for threads by itself; bounded by its number of kinds, beyond which all new kinds share one place. Never
// yields, never throws but for memory.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace hilera {

class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMaxKinds = 1024;

  explicit RateLimiter(Clock::duration interval) : interval_(interval) {}

  // For what is let through from now on.
  void set_interval(Clock::duration interval) { interval_ = interval; }

  // None: hold this one back. Otherwise let it through, and tell how many of its kind were held back before it.
  std::optional<std::uint64_t> admit(std::string_view kind, Clock::time_point now);

 private:
  struct State {
    Clock::time_point next;
    std::uint64_t suppressed = 0;
  };

  Clock::duration interval_;
  std::unordered_map<std::string, State> kinds_;
};

}  // namespace hilera
