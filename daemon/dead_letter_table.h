// DeadLetterTable: the table `dead_letter`, as operators look into it and put its records back.
//
// A replay decodes the letter's datagram again, finds the record by its key and digest, and inserts it into `frame` as
// a collector would have, with the arrival, collector, listener, peer and authentication level of the letter, and
// marked as replayed, because it is out of order. A letter of the reason `unreadable` stands for a whole datagram of
// which no codec made records: all those are put back that one makes of it now. The rows and the mark in dead_letter
// are one transaction, in which the letter is locked: whoever replays the same one meanwhile waits, and finds it done.
// It needs no more rights than storing does. The letter itself stays.
//
// A replay may be repeated at any time. When the outcome of its commit is unknown it is tried again, and the mark tells
// which it was.
//
// Nothing is replayed while a StoreGate is closed. Calls yield and throw db::Error: a replay only when the database
// cannot be used, not for what is wrong with a letter. Each takes at most `time_limit`. Killed: what was not committed
// is rolled back.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/metrics.h"
#include "daemon/origin_table.h"
#include "daemon/store_gate.h"
#include "db/pool.h"

namespace hilera {

// What became of the replay of one letter.
enum class DeadLetterOutcome : std::uint8_t {
  kReplayed,
  kAlreadyReplayed,  // at an earlier time
  kAlreadyStored,    // the same content is in frame: marked as replayed
  kConflict,         // other content still has its key: left as it was
  kRefused,          // the database still refuses the row: left as it was
  kUnreadable,       // the datagram is missing, its codec is unknown, or makes no such record of it
  kLocked,           // somebody else has held a row of it for too long: left as it was
  kNotFound,
};
inline constexpr std::size_t kDeadLetterOutcomes = 8;

// "replayed", "already_replayed" ... Static text.
[[nodiscard]] std::string_view to_string(DeadLetterOutcome outcome);

class DeadLetterTable {
 public:
  // `pool` and `gate` must outlive it; without a gate it is always open.
  DeadLetterTable(db::ConnectionPool& pool, greenrt::Duration time_limit, StoreGate* gate = nullptr)
      : pool_(pool), time_limit_(time_limit), gate_(gate) {}
  DeadLetterTable(const DeadLetterTable&) = delete;
  DeadLetterTable& operator=(const DeadLetterTable&) = delete;

  // A listener of this configuration, which says whether its rows have `raw`.
  void know(std::shared_ptr<const ingest::Origin> origin) { origins_.add(std::move(origin)); }

  struct Filter {
    std::string nserie;            // empty: any
    std::string reason;            // empty: any
    bool readable = false;         // only those whose reason is not `unreadable`
    std::optional<bool> replayed;  // none: both
  };
  struct Row {
    std::uint64_t id = 0;
    std::string dead_at;
    std::string nserie;
    std::uint64_t frame_id = 0;
    std::string codec;
    std::string listener;
    std::string collector;
    std::string reason;
    std::string error;  // empty: none
    std::int64_t arrival = 0;
    std::string replayed_at;  // empty: not replayed
    std::uint64_t raw_size = 0;
    // What stands in the way of a replay, as far as it shows without decoding or inserting. Of one that was unreadable
    // when it came: kUnreadable, though another version of its codec may read it.
    std::optional<DeadLetterOutcome> obstacle;
  };
  // One with its datagram; none: there is no such letter.
  struct Letter {
    Row row;
    std::vector<std::byte> raw;
  };
  std::optional<Letter> find(std::uint64_t id);

  // The newest first, of those with a number below `before`.
  std::vector<Row> list(const Filter& filter, std::uint64_t before, std::uint64_t limit);

  struct Waiting {
    std::uint64_t id = 0;
    std::uint64_t raw_size = 0;
  };
  // Those that are not replayed, with a number above `after`, the oldest first. `filter.replayed` has no meaning here.
  std::vector<Waiting> waiting(const Filter& filter, std::uint64_t after, std::uint64_t limit);

  // How many there are of these, whatever the limit. Reads all of them.
  std::uint64_t count_waiting(const Filter& filter, std::uint64_t after);

  struct Replay {
    std::uint64_t id = 0;
    std::string nserie;  // empty when not found
    DeadLetterOutcome outcome = DeadLetterOutcome::kNotFound;
    std::string detail;  // for people; empty when the outcome says it all
  };
  Replay replay(std::uint64_t id);

  // Replays since the start.
  [[nodiscard]] std::uint64_t count(DeadLetterOutcome outcome) const {
    return counts_[static_cast<std::size_t>(outcome)];
  }
  void declare_metrics(Metrics& metrics) const;

 private:
  struct Attempt;

  void replay_once(Attempt& attempt, greenrt::Deadline deadline);
  void replay_in_transaction(db::Connection& connection, Attempt& attempt, greenrt::Deadline deadline);
  [[nodiscard]] Row row_of(const db::Row& row);

  db::ConnectionPool& pool_;
  greenrt::Duration time_limit_;
  StoreGate* gate_;
  OriginTable origins_;
  std::array<std::uint64_t, kDeadLetterOutcomes> counts_{};
};

}  // namespace hilera
