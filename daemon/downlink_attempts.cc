// DownlinkTable as the transmitter's source: what is due, and the attempts to send it.

#include <algorithm>
#include <chrono>

#include "daemon/downlink_table.h"
#include "daemon/logging.h"
#include "db/connection.h"
#include "db/error.h"
#include "db/transaction.h"
#include "greenrt/greenlet.h"

namespace hilera {
namespace {

constexpr std::size_t kLongestError = 255;  // characters of downlink.last_error
constexpr std::chrono::milliseconds kPauseBetweenMarks{100};
constexpr std::chrono::microseconds kSendBackOff = std::chrono::seconds(1);  // doubled with each attempt
constexpr std::chrono::microseconds kLongestBackOff = std::chrono::hours(1);

// A row that may be sent now: its time has come, and its device has no answer to give, no pause to end, and no other
// row before it. Rows of a device that wait for nothing have no retry_at, so the key `busy` finds few of them. Not
// written with NOT EXISTS, for which the server reads the whole table at once instead of a row by the key.
constexpr std::string_view kMayBeSent =
    "d.state = 'queued' AND d.not_before <= NOW(6) AND d.attempts < d.max_attempts "
    "AND (d.expires_at IS NULL OR d.expires_at > NOW(6)) AND (d.retry_at IS NULL OR d.retry_at <= NOW(6)) "
    "AND (d.lease_until IS NULL OR d.lease_until <= NOW(6)) "
    "AND (d.lease_owner IS NULL OR d.repeatable) "
    "AND (SELECT o.id FROM downlink o FORCE INDEX (busy) WHERE o.nserie = d.nserie "
    "AND o.retry_at IS NOT NULL AND (o.state = 'sent' OR o.retry_at > NOW(6)) LIMIT 1) IS NULL "
    "AND (SELECT o.id FROM downlink o FORCE INDEX (of_device) WHERE o.nserie = d.nserie AND o.state = 'queued' "
    "AND o.not_before <= d.not_before AND (o.not_before < d.not_before OR o.id < d.id) LIMIT 1) IS NULL ";

// Without the hint the optimizer may prefer to read the whole primary key, which holds all that was ever sent.
std::string due_statement() {
  return "SELECT d.id, d.nserie, d.payload, d.attempts, CAST(d.not_before AS CHAR) FROM downlink d FORCE INDEX (due) "
         "WHERE " +
         std::string(kMayBeSent) +
         "AND d.not_before >= ? AND (d.not_before > ? OR d.id > ?) ORDER BY d.not_before, d.id LIMIT ?";
}

std::string due_for_statement() {
  return "SELECT d.id, d.nserie, d.payload, d.attempts FROM downlink d FORCE INDEX (of_device) WHERE " +
         std::string(kMayBeSent) + "AND d.nserie = ? LIMIT 1";
}

// Without waiting for a row that another collector is just claiming. The table of devices is behind by some seconds; it
// speaks for the other collector only when that has heard the device later than we have, and against the address only
// when it knows of a proof, or of a later number.
std::string claim_statement() {
  return "SELECT d.id FROM downlink d WHERE d.id = ? AND " + std::string(kMayBeSent) +
         "AND NOT EXISTS (SELECT 1 FROM device v WHERE v.nserie = d.nserie AND v.collector <> ? "
         "AND v.last_arrival > ?) AND NOT EXISTS (SELECT 1 FROM device p WHERE p.nserie = d.nserie AND p.codec = ? "
         "AND p.auth_level >= ? AND (? = 0 OR p.last_epoch << 32 | p.last_sequence > ?)) FOR UPDATE SKIP LOCKED";
}

// The lease is longer than an attempt can take: one commit, one send, one commit.
constexpr std::string_view kBeginAttempt =
    "UPDATE downlink SET attempts = attempts + 1, repeatable = idempotent OR ?, retry_at = NULL, lease_owner = ?, "
    "lease_until = NOW(6) + INTERVAL 60 SECOND WHERE id = ?";
constexpr std::string_view kSent =
    "UPDATE downlink SET state = 'sent', sent_at = NOW(6), last_error = NULL, lease_owner = NULL, lease_until = NULL, "
    "retry_at = IF(?, NOW(6) + INTERVAL LEAST(? << LEAST(GREATEST(attempts, 1) - 1, 16), ?) MICROSECOND, NULL) "
    "WHERE id = ? AND state = 'queued'";
constexpr std::string_view kOurs =
    " WHERE id = ? AND state = 'queued' AND (lease_owner = ? OR lease_until IS NULL OR "
    "lease_until <= NOW(6))";
constexpr std::string_view kFailed =
    "UPDATE downlink SET state = 'failed', last_error = ?, lease_owner = NULL, lease_until = NULL, retry_at = NULL";
constexpr std::string_view kNotSent =
    "UPDATE downlink SET last_error = ?, lease_owner = NULL, lease_until = NULL, "
    "retry_at = NOW(6) + INTERVAL LEAST(? << LEAST(GREATEST(attempts, 1) - 1, 16), ?) MICROSECOND";

// What break_off() finds.
struct Use {
  Use(db::Connection*& its_slot, db::Connection& connection) : slot(its_slot) { slot = &connection; }
  ~Use() { slot = nullptr; }
  db::Connection*& slot;
};

std::int64_t microseconds(greenrt::Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

// Its next attempt waits for an answer as kSent says.
ingest::Downlink downlink_of(const db::Row& row, greenrt::Duration answer_timeout) {
  const auto payload = row.bytes(2);
  const greenrt::Duration doubled = answer_timeout * (1 << std::min<std::uint64_t>(row.uint64(3), 16));
  return {.id = row.uint64(0),
          .nserie = std::string(row.text(1)),
          .payload = {payload.begin(), payload.end()},
          .answer_timeout = std::min<greenrt::Duration>(doubled, kLongestBackOff)};
}

}  // namespace

std::vector<ingest::Downlink> DownlinkTable::due(std::size_t limit) {
  static const std::string statement = due_statement();
  if (gate_ && !gate_->is_open()) return {};
  const greenrt::Deadline deadline(time_limit_);
  const db::Lease connection = pool_.acquire(deadline);
  if (!answers_wait_()) {
    if (cursor_.id == 0) settle_unanswered(*connection, deadline);
    if (settle_at_.expired()) settle_overdue(*connection, deadline);
  }

  const db::Rows rows =
      connection->execute(statement, {cursor_.not_before, cursor_.not_before, cursor_.id, limit}, deadline);
  std::vector<ingest::Downlink> downlinks;
  for (std::size_t i = 0; i < rows.size(); ++i)
    downlinks.push_back(downlink_of(rows[i], answer_timeout_));
  if (rows.empty() || rows.size() < limit) {
    cursor_ = {};
  } else {
    cursor_ = {std::string(rows[rows.size() - 1].text(4)), downlinks.back().id};
  }
  return downlinks;
}

std::optional<ingest::Downlink> DownlinkTable::due_for(std::string_view nserie) {
  static const std::string statement = due_for_statement();
  if (gate_ && !gate_->is_open()) return std::nullopt;
  const greenrt::Deadline deadline(time_limit_);
  const db::Rows rows = pool_.acquire(deadline)->execute(statement, {nserie}, deadline);
  return rows.empty() ? std::nullopt : std::optional(downlink_of(rows[0], answer_timeout_));
}

bool DownlinkTable::begin_attempt(const ingest::Downlink& downlink, const ingest::Attempt& attempt) {
  static const std::string claim = claim_statement();
  const greenrt::Deadline deadline(time_limit_);
  const db::Lease connection = pool_.acquire(deadline);
  const Use use(in_use_, *connection);
  db::Transaction transaction(*connection, deadline);
  const bool ours =
      !connection
           ->execute(claim,
                     {downlink.id, collector_, attempt.heard_at, attempt.guarded_codec,
                      static_cast<unsigned>(ingest::AuthLevel::kMac), attempt.heard_number, attempt.heard_number},
                     deadline)
           .empty();
  if (ours) connection->execute(kBeginAttempt, {attempt.repeatable ? 1 : 0, collector_, downlink.id}, deadline);
  transaction.commit(deadline);
  return ours;
}

void DownlinkTable::mark_sent(const ingest::Downlink& downlink, bool answered) {
  ++counters_.sent;
  mark(kSent, {answered ? 1 : 0, microseconds(answer_timeout_), kLongestBackOff.count(), downlink.id});
}

void DownlinkTable::mark_failed(const ingest::Downlink& downlink, std::string_view error, bool retry) {
  static const std::string ours(kOurs);
  static const std::string not_sent = std::string(kNotSent) + ours + " AND attempts < max_attempts";
  static const std::string failed = std::string(kFailed) + ours;
  const std::string text = printable(error).substr(0, kLongestError);
  if (retry && mark(not_sent, {text, kSendBackOff.count(), kLongestBackOff.count(), downlink.id, collector_}) == 1) {
    return;
  }
  counters_.failed += mark(failed, {text, downlink.id, collector_});
}

std::uint64_t DownlinkTable::mark(std::string_view statement, std::initializer_list<db::Value> values) {
  const greenrt::Deadline deadline(time_limit_);
  while (true) {
    try {
      return mark_once(statement, values, deadline);
    } catch (const db::PoolClosed&) {
      throw;
    } catch (const db::Error& error) {
      if (deadline.expired() || error.error_class() == db::ErrorClass::kStopAndAlarm) throw;
    }
    greenrt::sleep(std::min<greenrt::Duration>(kPauseBetweenMarks, deadline.remaining()));
  }
}

std::uint64_t DownlinkTable::mark_once(std::string_view statement, std::initializer_list<db::Value> values,
                                       greenrt::Deadline deadline) {
  const db::Lease connection = pool_.acquire(deadline);
  const Use use(in_use_, *connection);
  return connection->execute(statement, values, deadline).affected_rows();
}

void DownlinkTable::break_off() {
  if (in_use_) in_use_->discard();
}

}  // namespace hilera
