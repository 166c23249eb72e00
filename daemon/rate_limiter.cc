#include "daemon/rate_limiter.h"

#include <utility>

namespace hilera {

std::optional<std::uint64_t> RateLimiter::admit(std::string_view kind, Clock::time_point now) {
  std::string key(kind);
  if (kinds_.size() >= kMaxKinds && !kinds_.contains(key)) key.clear();
  const auto [place, fresh] = kinds_.try_emplace(std::move(key));
  State& state = place->second;
  if (!fresh && now < state.next) {
    ++state.suppressed;
    return std::nullopt;
  }
  state.next = now + interval_;
  return std::exchange(state.suppressed, 0);
}

}  // namespace hilera
