#include "ingest/series_times.h"

#include <algorithm>
#include <vector>

namespace ingest {

using std::chrono::nanoseconds;

nanoseconds SeriesTimes::last(std::uint64_t series) const {
  const auto known = last_.find(series);
  return known == last_.end() ? floor_ : std::max(known->second, floor_);
}

void SeriesTimes::mark(const Reading& reading) {
  const bool known = last_.contains(reading.series);
  if (!known && last_.size() >= kMost) forget_older_half();
  if (!known && last_.size() >= kMost) return;
  if (reading.time > last(reading.series)) last_[reading.series] = reading.time;
}

void SeriesTimes::raise_floor(nanoseconds time) {
  floor_ = std::max(floor_, time);
}

void SeriesTimes::forget_older_half() {
  std::vector<nanoseconds> times;
  times.reserve(last_.size());
  for (const auto& [series, time] : last_)
    times.push_back(time);
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  raise_floor(*middle - nanoseconds(1));
  std::erase_if(last_, [&](const auto& each) { return each.second <= floor_; });
}

}  // namespace ingest
