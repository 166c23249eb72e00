#include "daemon/position_history.h"

#include <algorithm>

namespace hilera {
namespace {

constexpr int kParts = 64;

}  // namespace

void PositionHistory::note(std::int64_t place, greenrt::Clock::time_point now) {
  if (span_ <= greenrt::Duration::zero()) {
    latest_ = {now, place};
    return;
  }
  if (marks_.empty() || latest_.time >= marks_.back().time + span_ / kParts) {
    marks_.push_back(latest_);
  } else {
    marks_.back().place = std::min(marks_.back().place, latest_.place);
  }
  latest_ = {now, place};
  while (marks_.size() > 1 && marks_[1].time <= now - span_)
    marks_.pop_front();
}

std::int64_t PositionHistory::lowest(greenrt::Clock::time_point now) const {
  std::int64_t place = latest_.place;
  if (latest_.time <= now - span_) return place;
  for (auto mark = marks_.rbegin(); mark != marks_.rend(); ++mark) {
    place = std::min(place, mark->place);
    if (mark->time <= now - span_) break;
  }
  return place;
}

}  // namespace hilera
