#include "daemon/journal_folder.h"

#include <sodium.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "daemon/logging.h"

namespace hilera {
namespace {

constexpr std::int64_t kProbeBytes = 256 << 10;
constexpr greenrt::Duration kRemovalPause = std::chrono::seconds(10);

}  // namespace

JournalFolder::JournalFolder(const JournalOptions& options)
    : options_(options),
      segment_size_(std::min(options.segment_size, options.max_size / 8)),
      files_(options.directory) {
  segment_options_.vfs = options.vfs;
  segment_options_.log_bytes = std::min<std::uint64_t>(segment_options_.log_bytes, segment_size_ / 4);
  open_all();
}

JournalFolder::~JournalFolder() = default;

void JournalFolder::commit(std::span<const ingest::Entry* const> entries) {
  if (!current_) begin_segment(entries.empty() ? last_place_ + 1 : entries.front()->place);
  try {
    current_->commit(entries, position_waits_ || entries.empty() ? std::optional(position_) : std::nullopt);
  } catch (const sqlite::Error& error) {
    if (error.trouble() != sqlite::Trouble::kFull) close_current();
    throw;
  }
  position_waits_ = false;
  if (entries.empty()) return;
  last_place_ = entries.back()->place;
  Segment& segment = segments_.back();
  segment.end = last_place_;
  segment.known->last = follows_ = last_place_;
  for (const ingest::Entry* entry : entries) {
    segment.known->records += entry->decoded.records.size();
    last_arrival_ = std::max(last_arrival_, entry->datagram.arrival);
  }
}

void JournalFolder::probe() {
  files_.probe_room(kProbeBytes);
  write_position();
}

void JournalFolder::begin_segment(std::int64_t first_place) {
  Segment segment;
  segment.name.first_place = first_place;
  // One whose name may be there already although what followed failed must not be taken for a later one.
  segment.name.sequence = ++sequence_;
  segment.end = first_place - 1;
  segment.known = JournalReader::Known{.last = segment.end};
  randombytes_buf(segment.name.salt.data(), segment.name.salt.size());
  const SegmentMeta meta{.follows_place = follows_, .follows_arrival = last_arrival_, .hash_key = hash_key_};
  JournalSegment::create(files_.create_unnamed(), segment.name.salt, meta, position_, segment_options_);
  files_.name_created(segment.name);
  // From here on there is a segment, even if it cannot be written.
  segments_.push_back(segment);
  position_waits_ = false;
  current_ = JournalSegment::open(files_.path(segment.name), segment.name.salt, segment_options_);
}

void JournalFolder::close_current() {
  current_reader_.reset();
  current_.reset();
  segments_.back().bytes = files_.bytes(segments_.back().name);
}

void JournalFolder::rotate() {
  if (!current_ || current_->bytes() < segment_size_) return;
  current_reader_.reset();
  try {
    current_->seal();
  } catch (const sqlite::Error& error) {
    log::error("journal_seal_failed", {{"file", files_.path(segments_.back().name)}, {"error", error.what()}});
  }
  close_current();
  begin_segment(last_place_ + 1);
}

void JournalFolder::set_position(const StorePosition& position) {
  const StorePosition before = std::exchange(position_, within_what_there_is(position));
  position_waits_ = position_waits_ || position_ != before;
}

StorePosition JournalFolder::within_what_there_is(const StorePosition& position) const {
  const std::int64_t oldest = segments_.empty() ? last_place_ : segments_.front().name.first_place - 1;
  const auto within = [&](std::int64_t place, std::int64_t most) {
    return std::clamp(place, std::min(oldest, most), most);
  };
  const std::int64_t place = within(position.place, last_place_);
  const std::int64_t needed = within(position.needed, place);
  return {.place = place, .needed = needed, .sure = within(position.sure, needed)};
}

void JournalFolder::remove_covered(greenrt::Clock::time_point now) {
  for (Segment& segment : segments_) {
    // The last one tells where the journal was, even when nobody needs its rows.
    const bool covered = segment.end <= position_.needed && &segment != &segments_.back();
    if (!covered) segment.covered_since.reset();
    if (covered && !segment.covered_since) segment.covered_since = now;
  }
  const auto may_go = [&] {
    if (segments_.empty() || !segments_.front().covered_since) return false;
    const auto age = now - *segments_.front().covered_since;
    return age >= options_.grace || (age >= greenrt::Duration::zero() && bytes() > options_.max_size / 2);
  };
  while (may_go() && remove_first()) {
  }
}

bool JournalFolder::make_room(std::uint64_t bytes) {
  bool removed = false;
  while (spare_bytes() > 0 && this->bytes() + bytes > options_.max_size && remove_first())
    removed = true;
  return removed;
}

std::uint64_t JournalFolder::spare_bytes() const {
  const auto now = greenrt::Clock::now();
  std::uint64_t sum = 0;
  for (const Segment& segment : segments_) {
    // The position may have gone back since it was found covered.
    if (!segment.covered_since || *segment.covered_since > now || segment.end > position_.needed) break;
    sum += segment.bytes;
  }
  return sum;
}

bool JournalFolder::remove_first() {
  Segment& first = segments_.front();
  if (!remove(first)) {
    first.covered_since = greenrt::Clock::now() + kRemovalPause;
    return false;
  }
  segments_.erase(segments_.begin());
  return true;
}

bool JournalFolder::remove(Segment& segment) try {
  if (open_name_ == segment.name) close_read();
  if (segment.damaged) files_.keep_aside(segment.name);
  files_.remove(segment.name);
  return true;
} catch (const std::system_error& error) {
  log::write_limited(LogLevel::kError, "journal_removal_failed", {{"error", error.what()}});
  return false;
}

std::optional<greenrt::Clock::time_point> JournalFolder::removal_due() const {
  if (segments_.empty() || !segments_.front().covered_since) return std::nullopt;
  return *segments_.front().covered_since + options_.grace;
}

std::uint64_t JournalFolder::bytes() const {
  std::uint64_t sum = 0;
  for (const Segment& segment : segments_)
    sum += &segment == &segments_.back() && current_ ? files_.bytes(segment.name) : segment.bytes;
  return sum;
}

}  // namespace hilera
