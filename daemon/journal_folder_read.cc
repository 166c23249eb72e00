// Reading: which segment, through which connection.

#include <algorithm>

#include "daemon/journal_folder.h"
#include "daemon/logging.h"

namespace hilera {
namespace {

using greenrt::Clock;

constexpr std::size_t kMostRefused = 64;

}  // namespace

bool JournalFolder::read_some(const JournalReader::Wanted& wanted, Journal::Page& page) {
  if (page.read_to >= std::min(last_place_, wanted.until)) return false;
  const auto segment = segment_behind(page.read_to);
  if (segment == segments_.end()) {
    page.read_to = last_place_;
    return false;
  }
  const std::int64_t from = page.read_to;
  try {
    JournalReader& reader = reader_of(*segment);
    const auto refused = refused_since_.find(from);
    reader.set_salvaging(refused != refused_since_.end() && Clock::now() - refused->second >= options_.patience);
    const bool more = reader.read_cell(wanted, page);
    if (refused != refused_since_.end()) refused_since_.erase(refused);
    if (reader.damaged() && !segment->damaged) note_damage(*segment);
    return more;
  } catch (const sqlite::Error&) {
    if (refused_since_.size() >= kMostRefused) refused_since_.clear();
    refused_since_.try_emplace(from, Clock::now());
    throw;
  }
}

std::vector<JournalFolder::Segment>::iterator JournalFolder::segment_behind(std::int64_t place) {
  return std::partition_point(segments_.begin(), segments_.end(),
                              [&](const Segment& segment) { return segment.end <= place; });
}

JournalReader& JournalFolder::reader_of(Segment& segment) {
  const JournalReader::Bounds bounds{.first = segment.name.first_place, .end = segment.end};
  if (current_ && &segment == &segments_.back()) {
    if (!current_reader_) current_reader_ = std::make_unique<JournalReader>(*current_, bounds, segment.known);
    current_reader_->refresh(segment.end);
    return *current_reader_;
  }
  if (open_name_ == segment.name) return *open_reader_;
  close_read();
  open_ = JournalSegment::open_to_read(files_.path(segment.name), segment.name.salt, !files_.has_log(segment.name),
                                       segment_options_);
  open_reader_ = std::make_unique<JournalReader>(*open_, bounds, segment.known);
  open_name_ = segment.name;
  return *open_reader_;
}

void JournalFolder::close_read() {
  open_name_.reset();
  open_reader_.reset();
  open_.reset();
}

void JournalFolder::note_damage(Segment& segment) {
  segment.damaged = true;
  log::error("journal_segment_damaged", {{"file", files_.path(segment.name)}});
  try {
    files_.keep_aside(segment.name);
  } catch (const std::system_error& error) {
    // It is moved there when it is no longer needed, then.
    log::warning("journal_quarantine_failed", {{"error", error.what()}});
  }
}

std::int64_t JournalFolder::oldest_arrival() {
  if (position_.place >= last_place_) return 0;
  const auto segment = segment_behind(position_.place);
  if (segment == segments_.end()) return 0;
  return reader_of(*segment).first_arrival_behind(position_.place);
}

}  // namespace hilera
