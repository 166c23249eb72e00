// Which places a segment must have, and how many records they carry.

#include <algorithm>
#include <numeric>
#include <utility>

#include "daemon/journal_form.h"
#include "daemon/journal_reader.h"

namespace hilera {

void JournalReader::load() {
  bool whole = true;
  add(segment_.read_summaries(0, whole), whole);
  if (known_ && last_place() < known_->last) whole = false;
  try {
    const std::int64_t last = segment_.last_place();
    if (last > last_place() && last <= bounds_.end) whole = false;
  } catch (const sqlite::Error& error) {
    if (!error.content()) throw;
    whole = false;
  }
  if (!whole) complete();
}

void JournalReader::refresh(std::int64_t end) {
  bounds_.end = end;
  bool whole = true;
  if (last_place() < end) add(segment_.read_summaries(last_number_, whole), whole);
  if (whole && last_place() == end) return;
  known_ = Known{.last = end};
  complete();
}

// Those that may be: behind one another, and between the bounds.
void JournalReader::add(const std::vector<CommitSummary>& commits, bool& whole) {
  for (const CommitSummary& commit : commits) {
    if (commit.last > bounds_.end) return;
    if (commit.first <= last_place() || commit.last < commit.first) {
      whole = false;
      continue;
    }
    commits_.push_back(commit);
    last_number_ = commit.number;
  }
}

// Where summaries are missing, the rows say what there is; one that is missing among them counts as one record.
void JournalReader::complete() {
  damaged_ = true;
  const std::vector<CommitSummary> readable = std::exchange(commits_, {});
  std::int64_t last = bounds_.first - 1;
  std::int64_t number = 0;
  const auto add_gap = [&](std::int64_t end) {
    if (end > last) commits_.push_back({.first = last + 1, .last = end});
  };
  for (const CommitSummary& commit : readable) {
    if (commit.number != number + 1) add_gap(commit.first - 1);
    commits_.push_back(commit);
    last = commit.last;
    number = commit.number;
  }
  add_gap(known_ ? std::min(known_->last, bounds_.end) : last_right_place(last));
  for (CommitSummary& commit : commits_) {
    if (commit.number == 0) estimate(commit);
  }
  if (known_ && records() < known_->records && !commits_.empty()) {
    commits_.back().records += known_->records - records();
  }
}

void JournalReader::estimate(CommitSummary& commit) {
  commit.records = 0;
  for (const Slot& slot : check({commit.first, commit.last})) {
    commit.records += slot.right ? slot.records : 1;
    commit.arrival = std::max(commit.arrival, slot.arrival);
  }
}

// Of the rows behind `after`, as far as they can be found from either end.
std::int64_t JournalReader::last_right_place(std::int64_t after) {
  std::int64_t last = after;
  for (const char* order : {"place DESC", "place"}) {
    try {
      sqlite::Statement rows = select(segment_.database(), std::string("place BETWEEN ? AND ? ORDER BY ") + order);
      rows.bind(1, after + 1).bind(2, bounds_.end);
      while (rows.step()) {
        if (unpack(rows.integer(0), rows.blob(1), checksum_)) last = std::max(last, rows.integer(0));
        if (last > after && order[5] != '\0') return last;
      }
    } catch (const sqlite::Error& error) {
      if (!error.content()) throw;
    }
  }
  return last;
}

}  // namespace hilera
