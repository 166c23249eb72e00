#include "daemon/position_history.h"

#include <algorithm>
#include <utility>

namespace hilera {
namespace {

constexpr int kParts = 64;

}  // namespace

void PositionHistory::note(std::int64_t place, greenrt::Clock::time_point now) {
  if (place != latest_.place) add({now, place});
}

void PositionHistory::note_older(std::int64_t place, greenrt::Clock::time_point now) {
  const std::int64_t position = latest_.place;
  if (place >= position) return;
  add({now, place});
  add({now, position});
}

void PositionHistory::add(Mark mark) {
  const Mark before = std::exchange(latest_, mark);
  if (span_ <= greenrt::Duration::zero()) return;
  if (marks_.empty() || before.time >= marks_.back().time + span_ / kParts) {
    marks_.push_back(before);
  } else {
    marks_.back().place = std::min(marks_.back().place, before.place);
  }
  while (marks_.size() > 1 && marks_[1].time <= mark.time - span_)
    marks_.pop_front();
}

std::int64_t PositionHistory::lowest() const {
  std::int64_t place = latest_.place;
  for (const Mark& mark : marks_)
    place = std::min(place, mark.place);
  return place;
}

}  // namespace hilera
