#include "daemon/dead_letter_table.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "daemon/frame_row.h"
#include "db/connection.h"
#include "db/error.h"
#include "db/transaction.h"
#include "greenrt/greenlet.h"
#include "ingest/frame_id.h"

namespace hilera {
namespace {

using enum DeadLetterOutcome;

constexpr std::array<std::string_view, kDeadLetterOutcomes> kOutcomeNames{
    "replayed", "already_replayed", "already_stored", "conflict", "refused", "unreadable", "locked", "not_found"};
constexpr std::chrono::milliseconds kPauseBetweenAttempts{100};

constexpr std::string_view kUnreadableReason = "unreadable";

const std::string kColumns =
    "SELECT d.id, CAST(d.dead_at AS CHAR), d.nserie, d.frame_id, d.codec, d.listener, d.collector, d.reason, d.error, "
    "d.arrival, CAST(d.replayed_at AS CHAR), LENGTH(d.raw), f.digest = d.digest";
const std::string kFrom =
    " FROM dead_letter AS d LEFT JOIN frame AS f ON f.nserie = d.nserie AND f.frame_id = d.frame_id AND f.codec = "
    "d.codec";
const std::string kList = kColumns + kFrom + " WHERE d.id < ?";
const std::string kFind = kColumns + ", d.raw" + kFrom + " WHERE d.id = ?";
constexpr std::string_view kWaiting = "SELECT d.id, LENGTH(d.raw) FROM dead_letter AS d WHERE d.id > ?";

constexpr std::string_view kCountWaiting = "SELECT COUNT(*) FROM dead_letter AS d WHERE d.id > ?";

constexpr std::string_view kLock =
    "SELECT nserie, replayed_at IS NOT NULL, codec, listener, frame_id, digest, raw, reason, "
    "auth_level FROM dead_letter "
    "WHERE id = ? FOR UPDATE";
// Idempotent like kInsertFrame. What the codec does not say comes from the letter within the server.
constexpr std::string_view kPutBack =
    "INSERT INTO frame (nserie, frame_id, codec, arrival, collector, digest, device_time, listener, peer_ip, "
    "peer_port, auth_level, fields, raw, replayed) SELECT ?, ?, codec, arrival, collector, ?, ?, listener, peer_ip, "
    "peer_port, auth_level, ?, IF(?, raw, NULL), TRUE FROM dead_letter WHERE id = ? "
    "ON DUPLICATE KEY UPDATE frame.arrival = frame.arrival RETURNING digest, replayed";
constexpr std::string_view kMark = "UPDATE dead_letter SET replayed_at = UTC_TIMESTAMP(6) WHERE id = ?";

std::uint64_t digest_of(db::Bytes bytes) {
  std::uint64_t digest = 0;
  for (const std::byte each : bytes)
    digest = digest << 8 | std::to_integer<std::uint64_t>(each);
  return digest;
}

std::optional<DeadLetterOutcome> obstacle_of(const db::Row& row, bool fits_codec) {
  if (!row.is_null(10)) return kAlreadyReplayed;
  if (!row.is_null(12)) return row.int64(12) != 0 ? kAlreadyStored : kConflict;
  if (!fits_codec || row.text(7) == kUnreadableReason) return kUnreadable;
  return std::nullopt;
}

// A statement that is narrowed to some of the letters. Has views into the filter.
class Query {
 public:
  Query(std::string_view select, std::uint64_t bound) : statement_(select), values_{bound} {}

  void narrow(const DeadLetterTable::Filter& filter) {
    only(" AND d.nserie = ?", filter.nserie);
    only(" AND d.reason = ?", filter.reason);
    if (filter.readable) only(" AND d.reason <> ?", kUnreadableReason);
    if (filter.replayed)
      statement_ += *filter.replayed ? " AND d.replayed_at IS NOT NULL" : " AND d.replayed_at IS NULL";
  }
  db::Rows run(db::ConnectionPool& pool, std::string_view order, std::uint64_t limit, greenrt::Deadline deadline) {
    statement_ += order;
    values_.emplace_back(limit);
    return pool.acquire(deadline)->execute(statement_, values_, deadline);
  }

 private:
  void only(std::string_view condition, std::string_view value) {
    if (value.empty()) return;
    statement_ += condition;
    values_.emplace_back(value);
  }

  std::string statement_;
  std::vector<db::Value> values_;
};

}  // namespace

std::string_view to_string(DeadLetterOutcome outcome) {
  return kOutcomeNames[static_cast<std::size_t>(outcome)];
}

std::vector<DeadLetterTable::Row> DeadLetterTable::list(const Filter& filter, std::uint64_t before,
                                                        std::uint64_t limit) {
  Query query(kList, before);
  query.narrow(filter);
  const db::Rows rows = query.run(pool_, " ORDER BY d.id DESC LIMIT ?", limit, time_limit_);
  std::vector<Row> result;
  for (std::size_t i = 0; i < rows.size(); ++i)
    result.push_back(row_of(rows[i]));
  return result;
}

std::optional<DeadLetterTable::Letter> DeadLetterTable::find(std::uint64_t id) {
  const greenrt::Deadline deadline(time_limit_);
  const db::Rows rows = pool_.acquire(deadline)->execute(kFind, {id}, deadline);
  if (rows.empty()) return std::nullopt;
  Letter letter{.row = row_of(rows[0]), .raw = {}};
  if (!rows[0].is_null(13)) {
    const db::Bytes raw = rows[0].bytes(13);
    letter.raw.assign(raw.begin(), raw.end());
  }
  return letter;
}

DeadLetterTable::Row DeadLetterTable::row_of(const db::Row& row) {
  const auto text = [&](std::size_t column) { return std::string(row.optional_text(column).value_or("")); };
  const std::uint64_t raw_size = row.is_null(11) ? 0 : row.uint64(11);
  const auto& codec = *origins_.find(row.text(5), row.text(4)).codec;
  const bool fits_codec = !row.is_null(11) && raw_size <= codec.max_datagram_size();
  return {.id = row.uint64(0),
          .dead_at = text(1),
          .nserie = text(2),
          .frame_id = row.uint64(3),
          .codec = text(4),
          .listener = text(5),
          .collector = text(6),
          .reason = text(7),
          .error = text(8),
          .arrival = row.int64(9),
          .replayed_at = text(10),
          .raw_size = raw_size,
          .obstacle = obstacle_of(row, fits_codec)};
}

std::vector<DeadLetterTable::Waiting> DeadLetterTable::waiting(const Filter& filter, std::uint64_t after,
                                                               std::uint64_t limit) {
  Filter unreplayed = filter;
  unreplayed.replayed = false;
  Query query(kWaiting, after);
  query.narrow(unreplayed);
  const db::Rows rows = query.run(pool_, " ORDER BY d.id LIMIT ?", limit, time_limit_);
  std::vector<Waiting> result;
  for (std::size_t i = 0; i < rows.size(); ++i)
    result.push_back({.id = rows[i].uint64(0), .raw_size = rows[i].is_null(1) ? 0 : rows[i].uint64(1)});
  return result;
}

std::uint64_t DeadLetterTable::count_waiting(const Filter& filter, std::uint64_t after) {
  Filter unreplayed = filter;
  unreplayed.replayed = false;
  Query query(kCountWaiting, after);
  query.narrow(unreplayed);
  return query.run(pool_, " LIMIT ?", 1, time_limit_)[0].uint64(0);
}

// One replay, over all its attempts.
struct DeadLetterTable::Attempt {
  Replay replay;
  std::optional<DeadLetterOutcome> committing;  // what was to be committed when the connection was lost

  void ends(DeadLetterOutcome outcome, std::string detail = {}) {
    replay.outcome = outcome;
    replay.detail = std::move(detail);
  }
};

DeadLetterTable::Replay DeadLetterTable::replay(std::uint64_t id) {
  const greenrt::Deadline deadline(time_limit_);
  if (gate_) gate_->pass(deadline);
  Attempt attempt{.replay = {.id = id}};
  while (true) {
    try {
      replay_once(attempt, deadline);
      break;
    } catch (const db::Error& error) {
      using enum db::ErrorClass;
      const auto kind = error.error_class();
      if (kind == kPoisonRow || kind == kDuplicate || kind == kSplit) {
        attempt.ends(kRefused, error.what());
        break;
      }
      if (kind == kRollbackRetry) {
        attempt.ends(kLocked, error.what());
        break;
      }
      if ((kind != kRetry && kind != kReconnect) || deadline.expired()) throw;
    }
    greenrt::sleep(std::min<greenrt::Duration>(kPauseBetweenAttempts, deadline.remaining()));
  }
  ++counts_[static_cast<std::size_t>(attempt.replay.outcome)];
  return std::move(attempt.replay);
}

void DeadLetterTable::replay_once(Attempt& attempt, greenrt::Deadline deadline) {
  const db::Lease connection = pool_.acquire(deadline);
  db::Transaction transaction(*connection, deadline);
  try {
    replay_in_transaction(*connection, attempt, deadline);
    const bool changed = attempt.replay.outcome == kReplayed || attempt.replay.outcome == kAlreadyStored;
    if (!changed) return transaction.rollback(deadline);
    attempt.committing = attempt.replay.outcome;
    transaction.commit(deadline);
  } catch (const db::Error& error) {
    if (!error.breaks_connection() && !connection->broken()) transaction.rollback(deadline);
    throw;
  }
}

void DeadLetterTable::replay_in_transaction(db::Connection& connection, Attempt& attempt, greenrt::Deadline deadline) {
  const db::Rows found = connection.execute(kLock, {attempt.replay.id}, deadline);
  if (found.empty()) return attempt.ends(kNotFound);
  const db::Row letter = found[0];
  attempt.replay.nserie = letter.text(0);
  if (letter.int64(1) != 0) return attempt.ends(attempt.committing.value_or(kAlreadyReplayed));
  if (letter.is_null(6)) return attempt.ends(kUnreadable, "its datagram was not kept");

  const ingest::Origin& origin = origins_.find(letter.text(3), letter.text(2));
  const db::Bytes raw = letter.bytes(6);
  ingest::Decoded decoded;
  origin.codec->decode(raw, decoded);
  decoded.prove(static_cast<ingest::AuthLevel>(letter.uint64(8)));
  ingest::identify(decoded.records);
  if (decoded.verdict != ingest::Verdict::kRecords || decoded.records.empty()) {
    return attempt.ends(kUnreadable, "its codec makes no records of it: " + std::string(decoded.reason));
  }
  std::span<const ingest::Record> records(decoded.records);
  if (letter.text(7) != kUnreadableReason) {
    const auto record = std::ranges::find_if(records, [&](const ingest::Record& each) {
      return each.frame_id == letter.uint64(4) && each.digest == digest_of(letter.bytes(5));
    });
    if (record == records.end() || decoded.nserie != letter.text(0)) {
      return attempt.ends(kUnreadable, "its codec makes other records of it");
    }
    records = {record, 1};
  }
  attempt.replay.nserie = decoded.nserie;

  bool made_a_row = false;
  for (const ingest::Record& record : records) {
    const auto digest = digest_bytes(record.digest);
    const auto device_time = record.device_time ? DatetimeText::of(*record.device_time) : std::nullopt;
    std::string fields;
    origin.codec->append_fields(raw, record, fields);
    const db::Rows stored = connection.execute(
        kPutBack,
        {decoded.nserie, record.frame_id, db::Bytes(digest), device_time ? db::Value(device_time->view()) : db::Value(),
         fields, origin.store_raw ? 1 : 0, attempt.replay.id},
        deadline);
    if (digest_of(stored[0].bytes(0)) != record.digest) {
      return attempt.ends(kConflict, "another record has the same key");
    }
    // A row that is marked as replayed, and whose letter was not, came into being just now.
    made_a_row = made_a_row || stored[0].int64(1) != 0;
  }
  connection.execute(kMark, {attempt.replay.id}, deadline);
  attempt.ends(made_a_row ? kReplayed : kAlreadyStored);
}

void DeadLetterTable::declare_metrics(Metrics& metrics) const {
  metrics.counter("hilera_dead_letters_replayed_total", "Replays of dead letters by what became of them.",
                  [this](Metrics::Samples& samples) {
                    for (std::size_t i = 0; i < counts_.size(); ++i)
                      samples.add({{"outcome", std::string(kOutcomeNames[i])}}, counts_[i]);
                  });
}

}  // namespace hilera
