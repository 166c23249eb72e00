#include "daemon/sim/pacer.h"

#include <algorithm>
#include <chrono>
#include <limits>

namespace hilera::sim {

Pacer::Pacer(double rate, TimePoint start) : rate_(rate), seen_(start) {}

std::uint64_t Pacer::due(TimePoint now) {
  if (unlimited()) return std::numeric_limits<std::uint64_t>::max();
  const std::chrono::duration<double> passed = now - seen_;
  seen_ = now;
  allowance_ = std::min(allowance_ + passed.count() * rate_, std::max(rate_, 1.0));
  return static_cast<std::uint64_t>(std::max(allowance_, 0.0));
}

void Pacer::made(std::uint64_t frames) {
  if (!unlimited()) allowance_ -= static_cast<double>(frames);
}

Pacer::TimePoint Pacer::next() const {
  if (unlimited() || allowance_ >= 1) return seen_;
  // At a very small rate the wait is cut at an hour, which also keeps the arithmetic within its range.
  const double seconds = std::min((1 - allowance_) / rate_, 3600.0);
  return seen_ + std::chrono::ceil<greenrt::Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace hilera::sim
