#include "daemon/downlink_table.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "daemon/logging.h"
#include "db/connection.h"
#include "db/error.h"
#include "greenrt/greenlet.h"

namespace hilera {
namespace {

constexpr std::size_t kLongestError = 255;    // characters of downlink.last_error
constexpr std::size_t kLongestAnswer = 1024;  // of downlink.answer
constexpr std::size_t kSettledAtOnce = 100;
constexpr std::chrono::seconds kSettleEvery{5};
constexpr std::chrono::milliseconds kPauseBetweenMarks{100};
constexpr std::chrono::seconds kPostponedFor{30};  // when a device says "not now"

// Without the hint the optimizer may prefer to read the whole primary key, which holds all that was ever sent.
constexpr std::string_view kDue =
    "SELECT id, nserie, payload, CAST(not_before AS CHAR) FROM downlink FORCE INDEX (due) "
    "WHERE state = 'queued' AND not_before >= ? AND (not_before > ? OR id > ?) AND not_before <= NOW(6) "
    "AND attempts < max_attempts AND (expires_at IS NULL OR expires_at > NOW(6)) "
    "AND (lease_until IS NULL OR lease_until <= NOW(6)) ORDER BY not_before, id LIMIT ?";
// The lease is longer than an attempt can take: one commit, one send, one commit.
constexpr std::string_view kBeginAttempt =
    "UPDATE downlink SET attempts = attempts + 1, lease_owner = ?, lease_until = NOW(6) + INTERVAL 60 SECOND "
    "WHERE id = ? AND state = 'queued' AND attempts < max_attempts AND (expires_at IS NULL OR expires_at > NOW(6)) "
    "AND (lease_until IS NULL OR lease_until <= NOW(6))";
constexpr std::string_view kSent =
    "UPDATE downlink SET state = 'sent', sent_at = NOW(6), last_error = NULL, lease_owner = NULL, lease_until = NULL "
    "WHERE id = ? AND state = 'queued'";
constexpr std::string_view kFailed =
    "UPDATE downlink SET state = IF(? AND attempts < max_attempts, 'queued', 'failed'), last_error = ?, "
    "lease_owner = NULL, lease_until = NULL WHERE id = ? AND state = 'queued' "
    "AND (lease_owner = ? OR lease_until IS NULL OR lease_until <= NOW(6))";

// Read first, without locks: an UPDATE that searched would lock the rows on its way against those who mark them.
constexpr std::string_view kOverdue =
    "SELECT id FROM downlink FORCE INDEX (due) WHERE state = 'queued' "
    "AND (attempts >= max_attempts OR expires_at <= NOW(6)) AND (lease_until IS NULL OR lease_until <= NOW(6)) "
    "ORDER BY not_before, id LIMIT ?";
constexpr std::string_view kSettle =
    "UPDATE downlink SET state = IF(attempts >= max_attempts, 'failed', 'expired'), "
    "last_error = IF(lease_owner IS NULL, last_error, 'the outcome of the last attempt is unknown'), "
    "lease_owner = NULL, lease_until = NULL WHERE state = 'queued' "
    "AND (attempts >= max_attempts OR expires_at <= NOW(6)) AND (lease_until IS NULL OR lease_until <= NOW(6)) "
    "AND id IN (?";

// An answer counts also when it comes before the attempt that it answers is marked, and when the row was given up
// meanwhile: the device knows better. Where the protocol names no row, it is the one that was sent first.
constexpr std::string_view kAnswered =
    "UPDATE downlink SET state = ?, answer = ?, last_error = ?, delivered_at = IF(?, NOW(6), NULL), "
    "lease_owner = NULL, lease_until = NULL "
    "WHERE nserie = ? AND (state IN ('queued', 'sent') OR (state IN ('failed', 'expired') AND ?)) AND attempts > 0 "
    "AND (id & ?) = (? & ?) ORDER BY sent_at IS NULL, sent_at, id LIMIT 1";
constexpr std::string_view kPostponed =
    "UPDATE downlink SET state = IF(attempts < max_attempts, 'queued', 'failed'), last_error = 'the device: not now', "
    "not_before = NOW(6) + INTERVAL ? SECOND, lease_owner = NULL, lease_until = NULL "
    "WHERE nserie = ? AND state IN ('queued', 'sent') AND attempts > 0 AND (id & ?) = (? & ?) "
    "ORDER BY sent_at IS NULL, sent_at, id LIMIT 1";

constexpr std::string_view kAdd =
    "INSERT INTO downlink (nserie, payload, not_before, expires_at, max_attempts) VALUES (?, ?, "
    "NOW(6) + INTERVAL ? SECOND, NOW(6) + INTERVAL ? SECOND, COALESCE(?, DEFAULT(max_attempts)))";
constexpr std::string_view kCancel =
    "UPDATE downlink SET state = 'cancelled' WHERE id = ? AND state = 'queued' "
    "AND (lease_until IS NULL OR lease_until <= NOW(6))";
constexpr std::string_view kList =
    "SELECT id, nserie, state, CAST(created_at AS CHAR), attempts, CAST(sent_at AS CHAR), last_error, LENGTH(payload) "
    "FROM downlink WHERE TRUE";

std::string settle_statement() {
  std::string statement(kSettle);
  for (std::size_t i = 1; i < kSettledAtOnce; ++i)
    statement += ", ?";
  return statement + ")";
}

}  // namespace

db::Lease DownlinkTable::acquire_to_change(greenrt::Deadline deadline) {
  if (gate_) gate_->pass(deadline);
  return pool_.acquire(deadline);
}

void DownlinkTable::settle_overdue(db::Connection& connection, greenrt::Deadline deadline) {
  static const std::string settle = settle_statement();
  const db::Rows overdue = connection.execute(kOverdue, {kSettledAtOnce}, deadline);
  if (!overdue.empty()) {
    std::array<db::Value, kSettledAtOnce> ids;  // NULL is nobody's
    for (std::size_t i = 0; i < overdue.size(); ++i)
      ids[i] = overdue[i].uint64(0);
    connection.execute(settle, ids, deadline);
  }
  if (overdue.size() < kSettledAtOnce) settle_at_ = kSettleEvery;
}

std::vector<ingest::Downlink> DownlinkTable::due(std::size_t limit) {
  if (gate_ && !gate_->is_open()) return {};
  const greenrt::Deadline deadline(time_limit_);
  const db::Lease connection = pool_.acquire(deadline);
  if (settle_at_.expired()) settle_overdue(*connection, deadline);

  const db::Rows rows =
      connection->execute(kDue, {cursor_.not_before, cursor_.not_before, cursor_.id, limit}, deadline);
  std::vector<ingest::Downlink> downlinks;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto payload = rows[i].bytes(2);
    downlinks.push_back({rows[i].uint64(0), std::string(rows[i].text(1)), {payload.begin(), payload.end()}});
  }
  if (rows.empty() || rows.size() < limit) {
    cursor_ = {};
  } else {
    cursor_ = {std::string(rows[rows.size() - 1].text(3)), downlinks.back().id};
  }
  return downlinks;
}

bool DownlinkTable::begin_attempt(const ingest::Downlink& downlink) {
  const greenrt::Deadline deadline(time_limit_);
  return pool_.acquire(deadline)->execute(kBeginAttempt, {collector_, downlink.id}, deadline).affected_rows() == 1;
}

void DownlinkTable::mark_sent(const ingest::Downlink& downlink) {
  mark(kSent, {downlink.id});
}

void DownlinkTable::mark_failed(const ingest::Downlink& downlink, std::string_view error, bool retry) {
  const std::string text = printable(error).substr(0, kLongestError);
  mark(kFailed, {retry ? 1 : 0, text, downlink.id, collector_});
}

bool DownlinkTable::mark_answered(std::string_view nserie, const ingest::DownlinkAnswer& answer,
                                  std::string_view text) {
  using Outcome = ingest::DownlinkAnswer::Outcome;
  const greenrt::Deadline deadline(time_limit_);
  const db::Lease connection = acquire_to_change(deadline);
  if (answer.outcome == Outcome::kNotNow) {
    return connection
               ->execute(kPostponed, {kPostponedFor.count(), nserie, answer.id_bits, answer.id, answer.id_bits},
                         deadline)
               .affected_rows() == 1;
  }
  const bool delivered = answer.outcome == Outcome::kDelivered;
  const std::string words = printable(text).substr(0, kLongestAnswer);
  const std::string error = delivered ? std::string() : words.empty() ? "the device refuses it" : words;
  return connection
             ->execute(
                 kAnswered,
                 {delivered ? "delivered" : "failed", words.empty() ? db::Value() : db::Value(words),
                  delivered ? db::Value() : db::Value(std::string_view(error).substr(0, kLongestError)),
                  delivered ? 1 : 0, nserie, answer.id_bits != 0 ? 1 : 0, answer.id_bits, answer.id, answer.id_bits},
                 deadline)
             .affected_rows() == 1;
}

void DownlinkTable::mark(std::string_view statement, std::initializer_list<db::Value> values) {
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

void DownlinkTable::mark_once(std::string_view statement, std::initializer_list<db::Value> values,
                              greenrt::Deadline deadline) {
  struct Use {
    Use(db::Connection*& its_slot, db::Connection& connection) : slot(its_slot) { slot = &connection; }
    ~Use() { slot = nullptr; }
    db::Connection*& slot;
  };
  const db::Lease connection = pool_.acquire(deadline);
  const Use use(marking_, *connection);
  connection->execute(statement, values, deadline);
}

void DownlinkTable::break_off() {
  if (marking_) marking_->discard();
}

std::uint64_t DownlinkTable::add(const NewDownlink& downlink) {
  const greenrt::Deadline deadline(time_limit_);
  const auto seconds = [](const auto& duration) { return duration ? db::Value(duration->count()) : db::Value(); };
  return acquire_to_change(deadline)
      ->execute(kAdd,
                {downlink.nserie, db::Bytes(downlink.payload), downlink.delay ? downlink.delay->count() : 0,
                 seconds(downlink.expires_in), db::Value(downlink.max_attempts)},
                deadline)
      .insert_id();
}

bool DownlinkTable::cancel(std::uint64_t id) {
  const greenrt::Deadline deadline(time_limit_);
  return acquire_to_change(deadline)->execute(kCancel, {id}, deadline).affected_rows() == 1;
}

std::vector<DownlinkTable::Row> DownlinkTable::list(std::string_view nserie, std::string_view state,
                                                    std::uint64_t limit) {
  std::string statement(kList);
  std::vector<db::Value> values;
  const auto only = [&](std::string_view condition, std::string_view value) {
    if (value.empty()) return;
    statement += condition;
    values.emplace_back(value);
  };
  only(" AND nserie = ?", nserie);
  only(" AND state = ?", state);
  statement += " ORDER BY id DESC LIMIT ?";
  values.emplace_back(limit);

  const greenrt::Deadline deadline(time_limit_);
  const db::Rows rows = pool_.acquire(deadline)->execute(statement, values, deadline);
  const auto text = [](const db::Row& row, std::size_t column) {
    return std::string(row.optional_text(column).value_or(""));
  };
  std::vector<Row> result;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    result.push_back({rows[i].uint64(0), text(rows[i], 1), text(rows[i], 2), text(rows[i], 3), rows[i].uint64(4),
                      text(rows[i], 5), text(rows[i], 6), rows[i].uint64(7)});
  }
  return result;
}

}  // namespace hilera
