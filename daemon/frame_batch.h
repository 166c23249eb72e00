// FrameBatch: the records of several datagrams, written to the database in one transaction, each with its own outcome.
//
// A batch is filled, written, and cleared, and keeps its memory from one to the next. The good path is one bulk
// statement. When the database refuses a row for what it holds, the batch is halved within a transaction until that row
// stands alone; it goes to `dead_letter` there and the others are stored, in their order. So does a record whose key is
// taken by another content. All or nothing: after an error nothing is stored, or (a lost connection) nobody knows, and
// writing the same again is right in either case, because a row that is there already answers with its arrival.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/frame_row.h"
#include "db/bulk.h"
#include "db/connection.h"
#include "ingest/entry.h"

namespace hilera {

class FrameBatch {
 public:
  struct Limits {
    std::size_t records = 1000;
    std::size_t bytes = 1U << 20;  // of the request
  };

  explicit FrameBatch(std::string collector);

  void clear();

  // Adds all records of a datagram; false when it does not fit any more (nothing is added then). One that is too large
  // by itself fits an empty batch. The entry must live until clear(); its records get their keys.
  bool add(ingest::Entry& entry, const Limits& limits);

  // Yields. No statement is longer than `statement_bytes` unless a single row is; one that the server still finds too
  // large (kSplit) is remembered, and is a dead letter in the next write. `also` is run before the commit, within each
  // transaction that is tried. Throws db::Error; cancelled: the transaction is rolled back or its outcome
  // unknown.
  using Also = std::function<void(db::Connection& connection)>;
  void write(db::Connection& connection, std::size_t statement_bytes, const Also& also = nullptr);

  // Yields. Puts all records into dead_letter, for `reason`, without trying to store them.
  void write_as_dead_letters(db::Connection& connection, std::size_t statement_bytes, std::string_view reason,
                             std::string_view error, const Also& also = nullptr);

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t entries() const { return entries_.size(); }
  [[nodiscard]] std::size_t records() const { return owners_.size(); }

  // After a write: how each datagram ended, in the order of adding, whether the database refused rows of it, and how
  // many dead letters are without all of its bytes, because the server takes no request that long.
  struct Outcome {
    ingest::StoreResult result;
    bool refused = false;
    std::uint64_t letters_cut = 0;
  };
  [[nodiscard]] std::span<const Outcome> outcomes() const { return outcomes_; }

 private:
  static constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

  struct RowOwner {
    std::size_t entry;   // index in entries_
    std::size_t record;  // index in its records
    std::size_t size;    // bytes in a request
  };
  struct DeadLetter {
    std::size_t row;
    std::string_view reason;
    std::string error;
  };

  using StoreRange = void (FrameBatch::*)(db::Connection& connection, std::size_t first, std::size_t last);

  void store_all(db::Connection& connection, std::size_t statement_bytes, StoreRange store_range);
  void store_together(db::Connection& connection, std::size_t first, std::size_t last);
  void store_isolating(db::Connection& connection, std::size_t first, std::size_t last);
  void execute(db::Connection& connection, const db::Bulk& bulk, std::size_t first);
  void note_answer(const db::Row& answer, std::size_t row);
  void add_dead_letter(std::size_t row, std::string_view reason, std::string_view error);
  void write_dead_letters(db::Connection& connection, std::size_t statement_bytes);
  void send_dead_letters(db::Connection& connection, db::Bulk& bulk);
  template <typename Body>
  void in_transaction(db::Connection& connection, std::size_t statement_bytes, Body body);

  [[nodiscard]] const ingest::Entry& entry_of(std::size_t row) const { return *entries_[owners_[row].entry]; }
  [[nodiscard]] const ingest::Record& record_of(std::size_t row) const;
  [[nodiscard]] bool stands_before(std::size_t row) const;

  std::string collector_;
  std::vector<const ingest::Entry*> entries_;
  std::deque<FrameRow> rows_;  // one for each owner, which `bulk_` has views into, and some to be used again
  std::vector<RowOwner> owners_;
  db::Bulk bulk_;
  std::vector<Outcome> outcomes_;
  std::vector<DeadLetter> dead_letters_;
  std::set<std::pair<std::int64_t, std::size_t>> too_large_;  // records, by their datagram's place and index
  std::size_t longest_letter_ = kNoLimit;                     // in a request; less after one was too large
};

}  // namespace hilera
