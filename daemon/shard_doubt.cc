// What a shard does about records that were stored and may have been lost with their server.

#include <algorithm>
#include <vector>

#include "daemon/frame_lookup.h"
#include "daemon/shard.h"

namespace hilera {

void Shard::doubt(greenrt::Clock::time_point now) {
  devices_.doubt(now);
  const std::int64_t from = std::min(sure_position(), history_.lowest(now));
  if (from >= position()) return;
  again_ = from;
  doubted_anew_ = true;
  work_.set();
}

void Shard::read_doubted() {
  const std::int64_t end = position();
  if (*again_ >= end) {
    again_.reset();
    return world_.observer.on_position();
  }
  Journal::Page page;
  try {
    page = world_.journal.read(*again_, options_.part, options_.parts, kPageRows, kPageBytes, end);
  } catch (const std::runtime_error& error) {
    return pause_after(error, "journal_not_readable");
  }
  problem_.clear();
  if (doubted_anew_) return;
  // What cannot be read now had ended and was counted then; whether its rows are still there, nobody can tell any more.
  for (JournalRow& row : page.rows)
    doubted_.push_back(restore(std::move(row)));
  doubted_to_ = std::min(page.read_to, end);
  if (doubted_.empty()) again_ = doubted_to_;
}

void Shard::confirm_front(db::Connection& connection) {
  const std::size_t bytes = request_bytes(connection);
  const bool readable = doubted_.front().readable;
  gather(doubted_, bytes);
  const std::size_t gathered = batch_.entries();
  std::vector<const ingest::Entry*> entries;
  for (std::size_t i = 0; i < gathered; ++i)
    entries.push_back(doubted_[i].entry.get());
  const std::uint64_t records = batch_.records();
  std::uint64_t restored = 0;
  if (const std::uint64_t found = count_stored_rows(connection, entries); found < records) {
    write(connection, bytes, readable);
    std::uint64_t stored = 0;
    for (std::size_t i = 0; i < gathered; ++i) {
      note_outcome(*entries[i], batch_.outcomes()[i]);
      stored += batch_.outcomes()[i].result.stored;
    }
    restored = stored - std::min(stored, found);
  }
  batch_.clear();
  world_.observer.on_confirmed(records - restored);
  if (restored > 0) world_.observer.on_restored(restored);
  if (doubted_anew_) return;
  doubted_.erase(doubted_.begin(), doubted_.begin() + static_cast<std::ptrdiff_t>(gathered));
  again_ = doubted_.empty() ? doubted_to_ : doubted_.front().entry->place - 1;
  world_.observer.on_position();
}

}  // namespace hilera
