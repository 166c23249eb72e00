#include "ingest/replay_guard.h"

#include <limits>

namespace ingest {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

// 0 of what does not fit, which is no number.
std::uint64_t number_of(nanoseconds time) {
  const auto whole = std::chrono::floor<seconds>(time);
  if (whole.count() < 0 || whole.count() > std::numeric_limits<std::uint32_t>::max()) return 0;
  return static_cast<std::uint64_t>(whole.count()) << 32 | static_cast<std::uint64_t>((time - whole).count());
}

nanoseconds time_of(std::uint64_t number) {
  return seconds(number >> 32) + nanoseconds(number & 0xFFFFFFFF);
}

}  // namespace

ReplayGuard::Standing ReplayGuard::standing(const Decoded& decoded) const {
  if (decoded.counter != 0) return window_.standing(decoded.counter);
  const Reading* newest = nullptr;
  for (const Reading& reading : decoded.readings) {
    if (reading.time > series_.last(reading.series)) return Standing::kNew;
    if (!newest || reading.time > newest->time) newest = &reading;
  }
  if (!newest) return Standing::kNew;
  return newest->time == series_.last(newest->series) ? Standing::kSeen : Standing::kTooOld;
}

void ReplayGuard::mark(const Decoded& decoded, std::int64_t arrival) {
  if (decoded.counter != 0) return window_.mark(decoded.counter);
  const nanoseconds latest = std::chrono::microseconds(arrival) + kLatitude;
  for (const Reading& reading : decoded.readings) {
    if (reading.time > latest) continue;
    series_.mark(reading);
    if (const auto number = number_of(reading.time); number > window_.highest()) window_.mark(number);
  }
}

void ReplayGuard::merge(const ReplayWindow& past) {
  window_.merge(past);
  if (!past.empty()) series_.raise_floor(time_of(past.highest()) - kLatitude);
}

}  // namespace ingest
