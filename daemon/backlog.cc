#include "daemon/backlog.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace hilera {

Backlog::Backlog(Journal& journal, std::uint32_t parts, const BacklogLimits& limits)
    : journal_(journal), limits_(limits), lanes_(parts) {}

Journal::Page Backlog::read(std::uint32_t part, std::int64_t after) {
  const greenrt::Permit permit(reading_);
  Lane& lane = lanes_[part];
  if (!lane.open || lane.after != after) lane = {.open = true, .after = after, .read_to = after};
  if (lane.read_to == after) read_for(part);
  return hand_out(part);
}

void Backlog::leave(std::uint32_t part) {
  lanes_[part] = {};
}

std::size_t Backlog::waiting() const {
  return std::accumulate(lanes_.begin(), lanes_.end(), std::size_t{0},
                         [](std::size_t sum, const Lane& lane) { return sum + lane.rows.size(); });
}

bool Backlog::has_room(const Lane& lane) const {
  return lane.rows.size() < limits_.rows_read && lane.bytes < limits_.bytes_read;
}

void Backlog::read_for(std::uint32_t part) {
  const std::int64_t after = lanes_[part].read_to;
  const auto count = static_cast<std::uint32_t>(lanes_.size());
  JournalParts together = JournalParts::one(part, count);
  std::size_t rows = limits_.rows_read;
  std::int64_t until = std::numeric_limits<std::int64_t>::max();
  for (std::uint32_t other = 0; other < count; ++other) {
    const Lane& lane = lanes_[other];
    if (other == part || !lane.open) continue;
    if (lane.read_to > after) {
      until = std::min(until, lane.read_to);
    } else if (lane.read_to == after && has_room(lane)) {
      together.choose(other);
      rows += limits_.rows_read;
    }
  }
  deal(together, journal_.read(after, together, rows, limits_.bytes_read, until));
}

void Backlog::deal(const JournalParts& parts, Journal::Page page) {
  rows_read_ += page.rows.size();
  for (JournalRow& row : page.rows) {
    Lane& lane = lanes_[parts.of(row.domain)];
    lane.bytes += row.bytes.size();
    lane.rows.push_back(std::move(row));
  }
  for (const Journal::Page::Loss& loss : page.lost)
    lanes_[loss.part].lost += loss.records;
  for (std::uint32_t part = 0; part < lanes_.size(); ++part) {
    if (!parts.has(part)) continue;
    lanes_[part].read_to = page.read_to;
    if (!lanes_[part].open) lanes_[part] = {};
  }
}

Journal::Page Backlog::hand_out(std::uint32_t part) {
  Lane& lane = lanes_[part];
  Journal::Page page;
  const auto count = std::min(lane.rows.size(), limits_.rows);
  const auto end = lane.rows.begin() + static_cast<std::ptrdiff_t>(count);
  page.rows.assign(std::move_iterator(lane.rows.begin()), std::move_iterator(end));
  lane.rows.erase(lane.rows.begin(), end);
  for (const JournalRow& row : page.rows)
    lane.bytes -= row.bytes.size();
  page.read_to = lane.rows.empty() ? lane.read_to : page.rows.back().place;
  if (lane.rows.empty() && lane.lost > 0) page.lost.push_back({part, std::exchange(lane.lost, 0)});
  lane.after = page.read_to;
  return page;
}

}  // namespace hilera
