#include "daemon/frame_batch.h"

#include <algorithm>
#include <utility>

#include "db/error.h"
#include "db/transaction.h"
#include "ingest/frame_id.h"

namespace hilera {
namespace {

using db::ColumnType;

constexpr std::string_view kRefused = "refused";
constexpr std::string_view kSavepoint = "SAVEPOINT batch_part";
constexpr std::string_view kBackToSavepoint = "ROLLBACK TO SAVEPOINT batch_part";

std::vector<ColumnType> frame_columns() {
  return {ColumnType::kText,   ColumnType::kUint64, ColumnType::kText, ColumnType::kInt64, ColumnType::kText,
          ColumnType::kBytes,  ColumnType::kText,   ColumnType::kText, ColumnType::kBytes, ColumnType::kUint64,
          ColumnType::kUint64, ColumnType::kText,   ColumnType::kBytes};
}

std::vector<ColumnType> dead_letter_columns() {
  return {ColumnType::kInt64,  ColumnType::kText,   ColumnType::kText,   ColumnType::kText,  ColumnType::kText,
          ColumnType::kText,   ColumnType::kText,   ColumnType::kUint64, ColumnType::kBytes, ColumnType::kBytes,
          ColumnType::kUint64, ColumnType::kUint64, ColumnType::kBytes};
}

// One row is refused for what it holds, or for a unique key that is not ours.
bool is_refusal(const db::Error& error) {
  return error.error_class() == db::ErrorClass::kPoisonRow || error.error_class() == db::ErrorClass::kDuplicate;
}

}  // namespace

FrameBatch::FrameBatch(std::string collector) : collector_(std::move(collector)), bulk_(frame_columns()) {}

void FrameBatch::clear() {
  entries_.clear();
  owners_.clear();
  bulk_.clear();
  outcomes_.clear();
  dead_letters_.clear();
}

bool FrameBatch::add(ingest::Entry& entry, const Limits& limits) {
  auto& records = entry.decoded.records;
  const bool first = entries_.empty();
  if (!first && owners_.size() + records.size() > limits.records) return false;
  // Fields are at most a few times as long as the bytes they come from; the exact size is known afterwards.
  const std::size_t estimate = records.size() * 256 + entry.datagram.bytes.size() * 4;
  if (!first && bulk_.wire_size() + estimate > limits.bytes) return false;
  ingest::identify(records);
  const std::size_t index = entries_.size();
  entries_.push_back(&entry);
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (rows_.size() == owners_.size()) rows_.emplace_back();
    FrameRow& row = rows_[owners_.size()];
    row.set(collector_, entry.datagram, entry.decoded, records[i]);
    const std::size_t before = bulk_.wire_size();
    bulk_.add_row(row.values());
    owners_.push_back({index, i, bulk_.wire_size() - before});
  }
  return true;
}

const ingest::Record& FrameBatch::record_of(std::size_t row) const {
  return entry_of(row).decoded.records[owners_[row].record];
}

template <typename Body>
void FrameBatch::in_transaction(db::Connection& connection, std::size_t statement_bytes, Body body) {
  outcomes_.assign(entries_.size(), {});
  dead_letters_.clear();
  db::Transaction transaction(connection);
  try {
    body();
    write_dead_letters(connection, statement_bytes);
    transaction.commit();
    longest_letter_ = kNoLimit;
  } catch (const db::Error& error) {
    if (!error.breaks_connection() && !connection.broken()) transaction.rollback();
    throw;
  }
}

void FrameBatch::write(db::Connection& connection, std::size_t statement_bytes, const Also& also) {
  const auto store = [&](StoreRange store_range) {
    in_transaction(connection, statement_bytes, [&] {
      store_all(connection, statement_bytes, store_range);
      if (also) also(connection);
    });
  };
  try {
    store(&FrameBatch::store_together);
  } catch (const db::Error& error) {
    if (!is_refusal(error) || connection.broken()) throw;
    if (owners_.size() == 1) {
      write_as_dead_letters(connection, statement_bytes, kRefused, error.what(), also);
    } else {
      store(&FrameBatch::store_isolating);
    }
  }
  too_large_.clear();
}

void FrameBatch::write_as_dead_letters(db::Connection& connection, std::size_t statement_bytes, std::string_view reason,
                                       std::string_view error, const Also& also) {
  in_transaction(connection, statement_bytes, [&] {
    for (std::size_t row = 0; row < owners_.size(); ++row)
      add_dead_letter(row, reason, error);
    if (also) also(connection);
  });
}

// Row by row in order; those that stand together and fit one statement go together.
void FrameBatch::store_all(db::Connection& connection, std::size_t statement_bytes, StoreRange store_range) {
  std::size_t first = 0;
  std::size_t bytes = 0;
  const auto store_until = [&](std::size_t last) {
    if (first < last) (this->*store_range)(connection, first, last);
    first = last;
    bytes = 0;
  };
  for (std::size_t row = 0; row < owners_.size(); ++row) {
    if (too_large_.contains({entry_of(row).place, owners_[row].record})) {
      store_until(row);
      add_dead_letter(row, "too_large", "the record is larger than the server's max_allowed_packet");
      first = row + 1;
      continue;
    }
    if (bytes + owners_[row].size > statement_bytes) store_until(row);
    bytes += owners_[row].size;
  }
  store_until(owners_.size());
}

void FrameBatch::store_together(db::Connection& connection, std::size_t first, std::size_t last) {
  if (last - first == owners_.size()) return execute(connection, bulk_, first);
  db::Bulk part(frame_columns());
  for (std::size_t row = first; row < last; ++row)
    part.add_row(rows_[row].values());
  execute(connection, part, first);
}

void FrameBatch::store_isolating(db::Connection& connection, std::size_t first, std::size_t last) {
  connection.execute(kSavepoint);
  try {
    return store_together(connection, first, last);
  } catch (const db::Error& error) {
    if (!is_refusal(error) || connection.broken()) throw;
    connection.execute(kBackToSavepoint);
    if (last - first == 1) return add_dead_letter(first, kRefused, error.what());
  }
  const std::size_t middle = first + (last - first) / 2;
  store_isolating(connection, first, middle);
  store_isolating(connection, middle, last);
}

void FrameBatch::execute(db::Connection& connection, const db::Bulk& bulk, std::size_t first) {
  try {
    const db::Rows answers = connection.execute_bulk(kInsertFrame, bulk);
    if (answers.size() != bulk.rows()) {
      throw db::Error(db::ErrorClass::kStopAndAlarm, "the database answered " + std::to_string(answers.size()) +
                                                         " of " + std::to_string(bulk.rows()) + " rows");
    }
    for (std::size_t i = 0; i < answers.size(); ++i)
      note_answer(answers[i], first + i);
  } catch (const db::Error& error) {
    if (error.error_class() == db::ErrorClass::kSplit && bulk.rows() == 1) {
      too_large_.emplace(entry_of(first).place, owners_[first].record);
    }
    throw;
  }
}

void FrameBatch::note_answer(const db::Row& answer, std::size_t row) {
  const RecordOutcome outcome = classify_answer(answer, entry_of(row).datagram, record_of(row));
  ingest::StoreResult& result = outcomes_[owners_[row].entry].result;
  if (outcome == RecordOutcome::kConflict) {
    add_dead_letter(row, "conflict", "another record has the same key");
  } else if (outcome == RecordOutcome::kDuplicate || stands_before(row)) {
    ++result.duplicate;
  } else {
    ++result.stored;
  }
}

// Whether the same datagram holds the same record twice.
bool FrameBatch::stands_before(std::size_t row) const {
  const auto& records = entry_of(row).decoded.records;
  const ingest::Record& record = record_of(row);
  return std::any_of(records.data(), &record,
                     [&](const ingest::Record& earlier) { return earlier.frame_id == record.frame_id; });
}

void FrameBatch::add_dead_letter(std::size_t row, std::string_view reason, std::string_view error) {
  Outcome& outcome = outcomes_[owners_[row].entry];
  ++outcome.result.dead_lettered;
  if (reason == kRefused) outcome.refused = true;
  dead_letters_.push_back({row, reason, std::string(error)});
}

// Each carries the whole datagram: those of one datagram may be many times as long as it is.
void FrameBatch::write_dead_letters(db::Connection& connection, std::size_t statement_bytes) {
  const std::size_t longest = std::min(longest_letter_, connection.max_allowed_packet());
  db::Bulk bulk(dead_letter_columns());
  std::deque<DeadLetterRow> rows;
  for (const DeadLetter& each : dead_letters_) {
    const ingest::Entry& entry = entry_of(each.row);
    DeadLetterRow& row =
        rows.emplace_back(collector_, entry.datagram, entry.decoded, record_of(each.row), each.reason, each.error);
    if (row.cut_to(longest)) ++outcomes_[owners_[each.row].entry].letters_cut;
    if (bulk.wire_size() + row.wire_size() > statement_bytes) send_dead_letters(connection, bulk);
    bulk.add_row(row.values());
  }
  send_dead_letters(connection, bulk);
}

void FrameBatch::send_dead_letters(db::Connection& connection, db::Bulk& bulk) {
  if (bulk.empty()) return;
  try {
    connection.execute_bulk(kInsertDeadLetter, bulk);
  } catch (const db::Error& error) {
    if (error.error_class() == db::ErrorClass::kSplit && bulk.rows() == 1) longest_letter_ = bulk.wire_size() / 2;
    throw;
  }
  bulk.clear();
}

}  // namespace hilera
