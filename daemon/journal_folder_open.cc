// What is found at the start. From the newest segment to the oldest, because each says where the one before it ends.

#include <sodium.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "daemon/journal_folder.h"
#include "daemon/logging.h"

namespace hilera {
namespace {

// A row takes more than this many bytes of its file, whatever is in it.
constexpr std::uint64_t kSmallestRow = 48;

}  // namespace

struct JournalFolder::Opening {
  bool newest = true;
  std::int64_t end = std::numeric_limits<std::int64_t>::max();
  bool end_is_exact = false;
  std::optional<StorePosition> position;
  std::optional<HashKey> hash_key;
};

void JournalFolder::open_all() {
  try {
    files_.remove_orphans();
  } catch (const std::system_error& error) {
    log::warning("journal_orphan_stays", {{"error", error.what()}});
  }
  Opening opening;
  const std::vector<SegmentName> names = files_.segments();
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    sequence_ = std::max(sequence_, name->sequence);
    if (auto segment = examine(*name, opening)) segments_.insert(segments_.begin(), std::move(*segment));
    opening.newest = false;
  }
  if (!names.empty() && (segments_.empty() || segments_.back().name != names.back())) follow_the_rest(names.back());
  if (opening.hash_key) {
    hash_key_ = *opening.hash_key;
  } else {
    randombytes_buf(hash_key_.data(), hash_key_.size());
  }
  const std::int64_t oldest = segments_.empty() ? last_place_ : segments_.front().name.first_place - 1;
  position_ = within_what_there_is(opening.position.value_or(StorePosition{oldest, oldest, oldest}));
  count_found();
}

std::optional<JournalFolder::Segment> JournalFolder::examine(const SegmentName& name, Opening& opening) {
  Segment segment{.name = name, .end = opening.end, .bytes = files_.bytes(name)};
  opening.end = std::min(opening.end, name.first_place - 1);
  const bool end_was_exact = std::exchange(opening.end_is_exact, false);
  if (opening.position && segment.end <= opening.position->sure) return segment;  // nobody needs it
  try {
    look_into(segment, end_was_exact, opening);
  } catch (const sqlite::Error& error) {
    log::error("journal_segment_unreadable", {{"file", files_.path(name)}, {"error", error.what()}});
    if (!error.content()) {
      // It may be readable later, and then holds what it held.
      if (opening.newest) follows_ = segment.end = leap_over(segment, name.first_place - 1);
    } else if (end_was_exact) {
      segment.known = {.last = segment.end, .records = static_cast<std::uint64_t>(segment.end - name.first_place + 1)};
      segment.damaged = true;
    } else {
      put_aside(name);
      return std::nullopt;
    }
  }
  return segment;
}

void JournalFolder::look_into(Segment& segment, bool end_is_exact, Opening& opening) {
  const std::string path = files_.path(segment.name);
  const JournalSalt& salt = segment.name.salt;
  auto file = opening.newest
                  ? JournalSegment::open(path, salt, segment_options_)
                  : JournalSegment::open_to_read(path, salt, !files_.has_log(segment.name), segment_options_);
  const auto meta = file->read_meta();
  if (meta && meta->version != JournalSegment::kVersion) {
    throw std::runtime_error(path + " is of version " + std::to_string(meta->version) +
                             " of the format; this program knows " + std::to_string(JournalSegment::kVersion));
  }
  if (meta) {
    opening.end = std::min(opening.end, meta->follows_place);
    opening.end_is_exact = true;
    if (!opening.hash_key) opening.hash_key = meta->hash_key;
    last_arrival_ = std::max(last_arrival_, meta->follows_arrival);
  }
  const auto known = end_is_exact ? std::optional(JournalReader::Known{.last = segment.end}) : std::nullopt;
  JournalReader reader(*file, {.first = segment.name.first_place, .end = segment.end}, known);
  segment.known = {.last = reader.last_place(), .records = reader.records()};
  segment.damaged = reader.damaged() || !meta;
  last_arrival_ = std::max(last_arrival_, reader.last_arrival());
  if (!opening.newest) {
    last_place_ = std::max(last_place_, reader.last_place());
    return;
  }
  if (!segment.damaged && !reader.verify()) segment.damaged = true;
  follows_ = last_place_ = segment.end = reader.last_place();
  if (segment.damaged) {
    leap_over(segment, reader.last_place());
  } else {
    opening.position = file->read_position();
    current_ = std::move(file);
    current_->continue_after(reader.last_commit());
  }
}

// The newest one was put aside: what comes next follows the last one that stays.
void JournalFolder::follow_the_rest(const SegmentName& gone) {
  last_place_ = std::max(last_place_, gone.first_place - 1);
  follows_ = last_place_;
  if (!segments_.empty() && segments_.back().known) follows_ = segments_.back().known->last;
}

// No place is given out twice, whatever the file may hold behind the last one that could be read.
std::int64_t JournalFolder::leap_over(const Segment& segment, std::int64_t last) {
  return last_place_ = last + static_cast<std::int64_t>(segment.bytes / kSmallestRow) + 1;
}

void JournalFolder::put_aside(const SegmentName& name) try {
  files_.move_aside(name);
} catch (const std::system_error& error) {
  log::warning("journal_quarantine_failed", {{"error", error.what()}});
}

std::uint64_t JournalFolder::records_behind_position(Segment& segment) try {
  return reader_of(segment).records_behind(position_.place);
} catch (const sqlite::Error& error) {
  log::error("journal_segment_unreadable", {{"file", files_.path(segment.name)}, {"error", error.what()}});
  return segment.known->records;
}

void JournalFolder::count_found() {
  found_.last_place = last_place_;
  found_.last_arrival = last_arrival_;
  found_.position = position_.place;
  found_.sure = position_.sure;
  found_.hash_key = hash_key_;
  for (Segment& segment : segments_) {
    if (segment.damaged) note_damage(segment);
    if (!segment.known || segment.end <= position_.place) continue;
    found_.records +=
        segment.name.first_place > position_.place ? segment.known->records : records_behind_position(segment);
  }
}

}  // namespace hilera
