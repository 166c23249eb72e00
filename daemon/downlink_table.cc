#include "daemon/downlink_table.h"

#include "daemon/logging.h"
#include "db/connection.h"

namespace hilera {
namespace {

// Longer than an attempt can take: one commit, one send, one commit.
constexpr std::string_view kLease = "INTERVAL 60 SECOND";
constexpr std::size_t kLongestError = 255;  // characters of downlink.last_error

constexpr std::string_view kExpire =
    "UPDATE downlink SET state = 'expired' WHERE state = 'queued' AND expires_at <= NOW(6) "
    "AND (lease_until IS NULL OR lease_until <= NOW(6))";
constexpr std::string_view kGiveUp =
    "UPDATE downlink SET state = 'failed', last_error = 'the outcome of the last attempt is unknown' "
    "WHERE state = 'queued' AND attempts >= max_attempts AND lease_until <= NOW(6)";
constexpr std::string_view kDue =
    "SELECT id, nserie, payload FROM downlink WHERE state = 'queued' AND not_before <= NOW(6) "
    "AND attempts < max_attempts AND (lease_until IS NULL OR lease_until <= NOW(6)) AND id > ? ORDER BY id LIMIT ?";
constexpr std::string_view kSent =
    "UPDATE downlink SET state = 'sent', sent_at = NOW(6), last_error = NULL, lease_owner = NULL, lease_until = NULL "
    "WHERE id = ? AND state = 'queued'";
constexpr std::string_view kFailed =
    "UPDATE downlink SET state = IF(? AND attempts < max_attempts, 'queued', 'failed'), last_error = ?, "
    "lease_owner = NULL, lease_until = NULL WHERE id = ? AND state = 'queued'";
constexpr std::string_view kAdd =
    "INSERT INTO downlink (nserie, payload, not_before, expires_at, max_attempts) VALUES (?, ?, "
    "NOW(6) + INTERVAL ? SECOND, NOW(6) + INTERVAL ? SECOND, COALESCE(?, DEFAULT(max_attempts)))";
constexpr std::string_view kCancel =
    "UPDATE downlink SET state = 'cancelled' WHERE id = ? AND state = 'queued' "
    "AND (lease_until IS NULL OR lease_until <= NOW(6))";
constexpr std::string_view kList =
    "SELECT id, nserie, state, CAST(created_at AS CHAR), attempts, CAST(sent_at AS CHAR), last_error, LENGTH(payload) "
    "FROM downlink WHERE (? = '' OR nserie = ?) AND (? = '' OR state = ?) ORDER BY id DESC LIMIT ?";

std::string begin_attempt_statement() {
  return "UPDATE downlink SET attempts = attempts + 1, lease_owner = ?, lease_until = NOW(6) + " + std::string(kLease) +
         " WHERE id = ? AND state = 'queued' AND attempts < max_attempts "
         "AND (expires_at IS NULL OR expires_at > NOW(6)) AND (lease_until IS NULL OR lease_until <= NOW(6))";
}

}  // namespace

void DownlinkTable::settle_overdue(db::Connection& connection, greenrt::Deadline deadline) {
  connection.execute(kExpire, std::initializer_list<db::Value>{}, deadline);
  connection.execute(kGiveUp, std::initializer_list<db::Value>{}, deadline);
}

std::vector<ingest::Downlink> DownlinkTable::due(std::size_t limit) {
  const greenrt::Deadline deadline(time_limit_);
  const db::Lease connection = pool_.acquire(deadline);
  if (last_seen_ == 0) settle_overdue(*connection, deadline);

  std::vector<ingest::Downlink> downlinks;
  const db::Rows rows = connection->execute(kDue, {last_seen_, limit}, deadline);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto payload = rows[i].bytes(2);
    downlinks.push_back({rows[i].uint64(0), std::string(rows[i].text(1)), {payload.begin(), payload.end()}});
  }
  last_seen_ = downlinks.size() < limit ? 0 : downlinks.back().id;
  return downlinks;
}

bool DownlinkTable::begin_attempt(const ingest::Downlink& downlink) {
  static const std::string statement = begin_attempt_statement();
  const greenrt::Deadline deadline(time_limit_);
  const db::Lease connection = pool_.acquire(deadline);
  return connection->execute(statement, {collector_, downlink.id}, deadline).affected_rows() == 1;
}

void DownlinkTable::mark_sent(const ingest::Downlink& downlink) {
  const greenrt::Deadline deadline(time_limit_);
  pool_.acquire(deadline)->execute(kSent, {downlink.id}, deadline);
}

void DownlinkTable::mark_failed(const ingest::Downlink& downlink, std::string_view error, bool retry) {
  const greenrt::Deadline deadline(time_limit_);
  const std::string text = printable(error).substr(0, kLongestError);
  pool_.acquire(deadline)->execute(kFailed, {retry ? 1 : 0, text, downlink.id}, deadline);
}

std::uint64_t DownlinkTable::add(const NewDownlink& downlink) {
  const greenrt::Deadline deadline(time_limit_);
  const auto seconds = [](const auto& duration) { return duration ? db::Value(duration->count()) : db::Value(); };
  return pool_.acquire(deadline)
      ->execute(kAdd,
                {downlink.nserie, db::Bytes(downlink.payload), downlink.delay ? downlink.delay->count() : 0,
                 seconds(downlink.expires_in), db::Value(downlink.max_attempts)},
                deadline)
      .insert_id();
}

bool DownlinkTable::cancel(std::uint64_t id) {
  const greenrt::Deadline deadline(time_limit_);
  return pool_.acquire(deadline)->execute(kCancel, {id}, deadline).affected_rows() == 1;
}

std::vector<DownlinkTable::Row> DownlinkTable::list(std::string_view nserie, std::string_view state,
                                                    std::uint32_t limit) {
  const greenrt::Deadline deadline(time_limit_);
  const db::Rows rows = pool_.acquire(deadline)->execute(kList, {nserie, nserie, state, state, limit}, deadline);
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
