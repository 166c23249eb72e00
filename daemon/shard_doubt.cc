// What a shard does about records that were stored and may have been lost with their server.

#include <algorithm>
#include <vector>

#include "daemon/frame_lookup.h"
#include "daemon/shard.h"
#include "ingest/frame_id.h"

namespace hilera {
namespace {

constexpr std::uint32_t kAttemptsToRead = 10;

}  // namespace

void Shard::doubt(greenrt::Clock::time_point now) {
  devices_.doubt(now);
  doubted_anew_ = true;
  work_.set();
  const std::int64_t from = sure_position();
  if (from >= position()) return;
  again_ = from;
  unread_ = 0;
}

// What tables and journal said before the loss.
void Shard::forget_what_was_read() {
  doubted_.clear();
  for (Item& item : queue_)
    item.in_table.reset();
}

void Shard::read_doubted() {
  const std::int64_t end = position();
  if (*again_ >= end) {
    again_.reset();
    return world_.observer.on_position();
  }
  Journal::Page page;
  try {
    page = world_.journal.read(*again_, JournalParts::one(options_.part, options_.parts), kPageRows, kPageBytes, end);
  } catch (const std::runtime_error& error) {
    return ++unread_ < kAttemptsToRead ? pause_after(error, "journal_not_readable") : abandon_doubt(error);
  }
  unread_ = 0;
  problem_.clear();
  if (doubted_anew_) return;
  // What cannot be read now had ended and was counted then; whether its rows are still there, nobody can tell any more.
  for (JournalRow& row : page.rows)
    doubted_.push_back(restore(std::move(row)));
  doubted_to_ = std::min(page.read_to, end);
  if (doubted_.empty()) again_ = doubted_to_;
}

// What is waiting to be stored for the first time must not wait for ever for what was stored already.
void Shard::abandon_doubt(const std::exception& failure) {
  world_.observer.on_doubt_abandoned(*again_, failure.what());
  unread_ = 0;
  problem_.clear();
  again_.reset();
  world_.observer.on_position();
}

void Shard::confirm_front(db::Connection& connection) {
  std::vector<const ingest::Entry*> entries;
  std::uint64_t records = 0;
  for (const Item& item : doubted_) {
    if (!entries.empty() && records + item.entry->decoded.records.size() > options_.batch_records) break;
    ingest::identify(item.entry->decoded.records);
    records += item.entry->decoded.records.size();
    entries.push_back(item.entry.get());
  }
  load_devices(connection, doubted_);
  const std::vector<bool> found = find_stored(connection, entries);
  if (doubted_anew_) return;
  Items missing;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (found[i]) {
      devices_.mark(*entries[i]);
    } else {
      missing.push_back(doubted_[i]);
    }
  }
  const std::uint64_t restored = restore_missing(connection, std::move(missing));
  if (doubted_anew_) return;
  world_.observer.on_confirmed(records - restored);
  doubted_.erase(doubted_.begin(), doubted_.begin() + static_cast<std::ptrdiff_t>(entries.size()));
  again_ = doubted_.empty() ? doubted_to_ : doubted_.front().entry->place - 1;
  world_.observer.on_position();
}

// In their order. Those whose records others had stored before are found there again, and are no news; nor are those
// whose numbers the table of devices knows, though their rows are gone: they were purged.
std::uint64_t Shard::restore_missing(db::Connection& connection, Items missing) {
  const std::size_t bytes = request_bytes(connection);
  look_for_used(connection, missing, missing.size());
  std::uint64_t restored = 0;
  while (!missing.empty() && !doubted_anew_) {
    if (rule(missing.front()) == Ruling::kRepetition) {
      missing.pop_front();
      continue;
    }
    const Letter* letter = letter_for(missing.front());
    gather(missing, missing.size(), bytes);
    write(connection, bytes, letter);
    std::uint64_t stored = 0;
    for (const FrameBatch::Outcome& outcome : batch_.outcomes()) {
      note_outcome(*missing.front().entry, outcome);
      const bool refused = outcome.refused || letter;
      stored += outcome.result.stored + (refused ? outcome.result.dead_lettered : 0);
      if (outcome.result.stored + outcome.result.duplicate > 0) devices_.mark(*missing.front().entry);
      missing.pop_front();
    }
    batch_.clear();
    if (stored == 0) continue;
    restored += stored;
    history_.note_older(again_.value_or(position()), greenrt::Clock::now());
    world_.observer.on_restored(stored);
  }
  return restored;
}

}  // namespace hilera
