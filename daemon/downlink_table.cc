#include "daemon/downlink_table.h"

#include "db/connection.h"

namespace hilera {
namespace {

constexpr std::string_view kAdd =
    "INSERT INTO downlink (nserie, payload, idempotent, not_before, expires_at, max_attempts) VALUES (?, ?, ?, "
    "NOW(6) + INTERVAL ? SECOND, NOW(6) + INTERVAL ? SECOND, COALESCE(?, DEFAULT(max_attempts)))";
constexpr std::string_view kCancel =
    "UPDATE downlink SET state = 'cancelled', retry_at = NULL WHERE id = ? AND state = 'queued' "
    "AND (lease_until IS NULL OR lease_until <= NOW(6))";
constexpr std::string_view kColumns =
    "SELECT id, nserie, state, CAST(created_at AS CHAR), attempts, CAST(sent_at AS CHAR), last_error, LENGTH(payload)";
constexpr std::string_view kMoreColumns =
    ", payload, idempotent, max_attempts, CAST(not_before AS CHAR), CAST(expires_at AS CHAR), CAST(retry_at AS CHAR), "
    "CAST(delivered_at AS CHAR), answer, lease_owner, CAST(lease_until AS CHAR)";

std::string text_of(const db::Row& row, std::size_t column) {
  return std::string(row.optional_text(column).value_or(""));
}

DownlinkTable::Row row_of(const db::Row& row) {
  return {row.uint64(0), text_of(row, 1), text_of(row, 2), text_of(row, 3),
          row.uint64(4), text_of(row, 5), text_of(row, 6), row.uint64(7)};
}

}  // namespace

db::Lease DownlinkTable::acquire_to_change(greenrt::Deadline deadline) {
  if (gate_) gate_->pass(deadline);
  return pool_.acquire(deadline);
}

std::uint64_t DownlinkTable::add(const NewDownlink& downlink) {
  const greenrt::Deadline deadline(time_limit_);
  const auto seconds = [](const auto& duration) { return duration ? db::Value(duration->count()) : db::Value(); };
  const auto id = acquire_to_change(deadline)
                      ->execute(kAdd,
                                {downlink.nserie, db::Bytes(downlink.payload), downlink.idempotent ? 1 : 0,
                                 downlink.delay ? downlink.delay->count() : 0, seconds(downlink.expires_in),
                                 db::Value(downlink.max_attempts)},
                                deadline)
                      .insert_id();
  ++counters_.queued;
  return id;
}

bool DownlinkTable::cancel(std::uint64_t id) {
  const greenrt::Deadline deadline(time_limit_);
  const auto changed = acquire_to_change(deadline)->execute(kCancel, {id}, deadline).affected_rows();
  counters_.cancelled += changed;
  return changed == 1;
}

std::vector<DownlinkTable::Row> DownlinkTable::list(std::string_view nserie, std::string_view state,
                                                    std::uint64_t limit) {
  std::string statement = std::string(kColumns) + " FROM downlink WHERE TRUE";
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
  std::vector<Row> result;
  for (std::size_t i = 0; i < rows.size(); ++i)
    result.push_back(row_of(rows[i]));
  return result;
}

std::vector<std::string> DownlinkTable::codecs_of(std::string_view nserie) {
  const greenrt::Deadline deadline(time_limit_);
  const db::Rows rows = pool_.acquire(deadline)->execute(
      "SELECT codec FROM device WHERE nserie = ? ORDER BY last_arrival DESC", {nserie}, deadline);
  std::vector<std::string> codecs;
  for (std::size_t i = 0; i < rows.size(); ++i)
    codecs.emplace_back(rows[i].text(0));
  return codecs;
}

std::optional<DownlinkTable::Details> DownlinkTable::find(std::uint64_t id) {
  static const std::string statement =
      std::string(kColumns) + std::string(kMoreColumns) + " FROM downlink WHERE id = ?";
  const greenrt::Deadline deadline(time_limit_);
  const db::Rows rows = pool_.acquire(deadline)->execute(statement, {id}, deadline);
  if (rows.empty()) return std::nullopt;
  const db::Row row = rows[0];
  const auto payload = row.bytes(8);
  return Details{.row = row_of(row),
                 .payload = {payload.begin(), payload.end()},
                 .idempotent = row.uint64(9) != 0,
                 .max_attempts = row.uint64(10),
                 .not_before = text_of(row, 11),
                 .expires_at = text_of(row, 12),
                 .retry_at = text_of(row, 13),
                 .delivered_at = text_of(row, 14),
                 .answer = text_of(row, 15),
                 .lease_owner = text_of(row, 16),
                 .lease_until = text_of(row, 17)};
}

}  // namespace hilera
