#include "daemon/journal_reader.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "daemon/journal_form.h"

namespace hilera {
namespace {

constexpr std::int64_t kCell = 512;

greenrt::SocketAddress address_of(std::span<const std::byte> ip, std::uint16_t port) {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, ip.data(), std::min(ip.size(), sizeof v6.sin6_addr));
  greenrt::SocketAddress address;
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = v6.sin6_port;
    std::memcpy(&v4.sin_addr, v6.sin6_addr.s6_addr + 12, sizeof v4.sin_addr);
    std::memcpy(address.raw(), &v4, sizeof v4);
  } else {
    std::memcpy(address.raw(), &v6, sizeof v6);
  }
  return address;
}

JournalRow row_of(std::int64_t place, const JournalForm& form) {
  return {.place = place,
          .domain = form.domain,
          .arrival = form.arrival,
          .listener = std::string(form.listener),
          .codec = std::string(form.codec),
          .peer = address_of(form.peer_ip, form.peer_port),
          .auth_level = static_cast<ingest::AuthLevel>(form.auth_level),
          .records = form.records,
          .bytes = {form.bytes.begin(), form.bytes.end()}};
}

}  // namespace

bool JournalReader::Room::take(std::size_t size) {
  if (rows == 0 || (size > bytes && !at_least_one)) return false;
  --rows;
  bytes -= std::min(bytes, size);
  at_least_one = false;
  return true;
}

sqlite::Statement JournalReader::select(sqlite::Database& database, const std::string& where) {
  return {database, "SELECT place, entry FROM datagram WHERE " + where};
}

JournalReader::JournalReader(JournalSegment& segment, Bounds bounds, std::optional<Known> known)
    : segment_(segment), bounds_(bounds), known_(known), checksum_(segment.salt()) {
  load();
}

std::int64_t JournalReader::last_place() const {
  return commits_.empty() ? bounds_.first - 1 : commits_.back().last;
}

std::int64_t JournalReader::last_arrival() const {
  return std::accumulate(commits_.begin(), commits_.end(), std::int64_t{0},
                         [](std::int64_t latest, const auto& commit) { return std::max(latest, commit.arrival); });
}

std::uint64_t JournalReader::records() const {
  return std::accumulate(commits_.begin(), commits_.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& commit) { return sum + commit.records; });
}

std::uint64_t JournalReader::records_behind(std::int64_t place) {
  std::uint64_t sum = 0;
  for (auto commit = commit_behind(place); commit != commits_.end(); ++commit) {
    if (commit->first > place) {
      sum += commit->records;
      continue;
    }
    for (const Slot& slot : check({place + 1, commit->last}))
      sum += slot.right ? slot.records : lost_at(slot.place);
  }
  return sum;
}

JournalReader::Room JournalReader::room_in(const Journal::Page& page, const Wanted& wanted) {
  std::size_t bytes = 0;
  for (const JournalRow& row : page.rows)
    bytes += row.bytes.size();
  return {.rows = wanted.max_rows - std::min(wanted.max_rows, page.rows.size()),
          .bytes = wanted.max_bytes - std::min(wanted.max_bytes, bytes),
          .at_least_one = page.rows.empty()};
}

bool JournalReader::verify() {
  for (std::int64_t place = bounds_.first; place <= last_place() && !damaged_; place = cell_of(place).last + 1)
    read(cell_of(place), {}, {});
  return !damaged_;
}

std::int64_t JournalReader::first_arrival_behind(std::int64_t place) {
  for (auto commit = commit_behind(place); commit != commits_.end(); ++commit) {
    const std::int64_t first = std::max(place + 1, commit->first);
    for (const Slot& slot : check({first, std::min(cell_of(first).last, commit->last)}))
      if (slot.right) return slot.arrival;
  }
  return 0;
}

bool JournalReader::read_cell(const Wanted& wanted, Journal::Page& page) {
  const auto commit = commit_behind(page.read_to);
  if (commit == commits_.end()) {
    page.read_to = std::max(page.read_to, bounds_.end);
    return true;
  }
  const Range cell = cell_of(std::max(page.read_to + 1, commit->first));
  for (Slot& slot : read(cell, wanted, room_in(page, wanted))) {
    if (slot.place <= page.read_to) continue;
    if (slot.place > wanted.until) {
      page.read_to = std::max(page.read_to, wanted.until);
      return false;
    }
    if (slot.mine && !slot.row) return false;
    if (slot.mine) page.rows.push_back(std::move(*slot.row));
    if (!slot.right) count_loss(slot, wanted.parts, page);
    page.read_to = slot.place;
  }
  page.read_to = std::max(page.read_to, cell.last);
  return true;
}

JournalReader::Range JournalReader::cell_of(std::int64_t place) const {
  const std::int64_t begin = place - place % kCell;
  return {std::max(begin, bounds_.first), std::min(begin + kCell - 1, bounds_.end)};
}

std::vector<CommitSummary>::const_iterator JournalReader::commit_behind(std::int64_t place) const {
  return std::partition_point(commits_.begin(), commits_.end(),
                              [&](const auto& commit) { return commit.last <= place; });
}

std::vector<std::int64_t> JournalReader::places_in(Range range) const {
  std::vector<std::int64_t> places;
  for (auto commit = commit_behind(range.first - 1); commit != commits_.end() && commit->first <= range.last;
       ++commit) {
    const std::int64_t last = std::min(commit->last, range.last);
    for (std::int64_t place = std::max(commit->first, range.first); place <= last; ++place)
      places.push_back(place);
  }
  return places;
}

JournalReader::Slots JournalReader::read(Range cell, const Wanted& wanted, Room room) {
  const std::vector<std::int64_t> places = places_in(cell);
  Slots slots;
  slots.reserve(places.size());
  if (places.empty() || scan(places, wanted, room, slots)) return slots;
  damaged_ = true;
  return look_up(places, wanted, room);
}

bool JournalReader::scan(const std::vector<std::int64_t>& places, const Wanted& wanted, Room room, Slots& slots) try {
  if (!scan_) scan_ = select(segment_.database(), "place BETWEEN ? AND ? ORDER BY place");
  const sqlite::ResetAtEnd reset(*scan_);
  scan_->bind(1, places.front()).bind(2, places.back());
  while (scan_->step()) {
    if (slots.size() == places.size() || scan_->integer(0) != places[slots.size()]) return false;
    slots.push_back(take(*scan_, wanted, room));
  }
  return slots.size() == places.size();
} catch (const sqlite::Error& error) {
  if (!error.content() && !salvaging_) throw;
  return false;
}

JournalReader::Slots JournalReader::look_up(const std::vector<std::int64_t>& places, const Wanted& wanted, Room room) {
  Slots slots;
  std::optional<sqlite::Error> refusal;
  bool given = false;
  const auto look = [&](Slot& slot) {
    try {
      if (!look_up_) look_up_ = select(segment_.database(), "place = ?");
      const sqlite::ResetAtEnd reset(*look_up_);
      if (look_up_->bind(1, slot.place).step() && look_up_->integer(0) == slot.place) {
        slot = take(*look_up_, wanted, room);
      }
      given = true;
    } catch (const sqlite::Error& error) {
      if (error.content()) return;
      if (!salvaging_) throw;
      refusal = error;
    }
  };
  for (const std::int64_t place : places) {
    slots.push_back({.place = place});
    look(slots.back());
    // SQLite may refuse a damaged page when it reads it from the file, and take it once it is in the cache. Without a
    // second look such a row would not be delivered, and would be found again when the losses are counted.
    if (!slots.back().right) look(slots.back());
  }
  if (refusal && !given) throw *refusal;
  return slots;
}

JournalReader::Slot JournalReader::take(const sqlite::Statement& row, const Wanted& wanted, Room& room) {
  Slot slot{.place = row.integer(0), .right = true};
  const auto packed = row.blob(1);
  slot.domain = peek_domain(packed);
  const bool wanted_here = slot.domain && wanted.parts.has(wanted.parts.of(*slot.domain));
  if (slot.domain && !wanted_here) return slot;
  const auto form = unpack(slot.place, packed, checksum_);
  slot.right = form.has_value();
  if (!form) {
    damaged_ = true;
    return slot;
  }
  slot.records = form->records;
  slot.arrival = form->arrival;
  slot.mine = wanted_here && slot.place > wanted.after;
  if (slot.mine && room.take(form->bytes.size())) slot.row = row_of(slot.place, *form);
  return slot;
}

JournalReader::Slots JournalReader::check(Range range) {
  Slots checked;
  for (std::int64_t place = range.first; place <= range.last;) {
    const Range cell = cell_of(place);
    for (Slot& slot : read(cell, {}, {})) {
      if (slot.place >= range.first && slot.place <= range.last) checked.push_back(std::move(slot));
    }
    place = cell.last + 1;
  }
  return checked;
}

void JournalReader::count_loss(const Slot& slot, const JournalParts& parts, Journal::Page& page) {
  const std::uint32_t part = slot.domain ? parts.of(*slot.domain) : 0;
  if (!parts.has(part)) return;
  page.lost.push_back({.part = part, .records = lost_at(slot.place)});
}

std::uint64_t JournalReader::lost_at(std::int64_t place) {
  const CommitSummary& commit = *commit_behind(place - 1);
  if (losses_first_ != commit.first) {
    losses_.clear();
    std::uint64_t lost = commit.records;
    for (const Slot& slot : check({commit.first, commit.last})) {
      lost -= std::min(lost, slot.right ? slot.records : 1);
      if (!slot.right) losses_[slot.place] = 1;
    }
    // What the others do not account for is put down to the first.
    if (!losses_.empty()) losses_.begin()->second += lost;
    losses_first_ = commit.first;
  }
  const auto found = losses_.find(place);
  return found == losses_.end() ? 0 : found->second;
}

}  // namespace hilera
