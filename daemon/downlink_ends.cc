// DownlinkTable: how rows end: by what a device says, by its silence, and by the clock.

#include <array>
#include <chrono>

#include "daemon/downlink_table.h"
#include "daemon/logging.h"
#include "db/connection.h"

namespace hilera {
namespace {

constexpr std::size_t kLongestError = 255;    // characters of downlink.last_error
constexpr std::size_t kLongestAnswer = 1024;  // of downlink.answer
constexpr std::size_t kSettledAtOnce = 100;
constexpr std::chrono::seconds kSettleEvery{5};
constexpr std::chrono::seconds kPostponedFor{30};  // when a device says "not now"

// The rows to settle are read first, without locks: an UPDATE that searched would lock the rows on its way against
// those who mark them.
constexpr std::string_view kUnanswered =
    "SELECT id FROM downlink FORCE INDEX (retry) WHERE retry_at <= NOW(6) AND state = 'sent' ORDER BY retry_at LIMIT ?";
constexpr std::string_view kOverdue =
    "SELECT id FROM downlink FORCE INDEX (due) WHERE state = 'queued' AND (attempts >= max_attempts "
    "OR expires_at <= NOW(6) OR (lease_owner IS NOT NULL AND NOT repeatable)) "
    "AND (lease_until IS NULL OR lease_until <= NOW(6)) ORDER BY not_before, id LIMIT ?";

std::string of_these(std::string_view statement) {
  std::string text(statement);
  text += " AND id IN (?";
  for (std::size_t i = 1; i < kSettledAtOnce; ++i)
    text += ", ?";
  return text + ")";
}

// An answer counts also when it comes before the attempt that it answers is marked, and when the row was given up
// meanwhile: the device knows better. Where the protocol names no row, it is the one that is under way; where it names
// a part of the number, that one before those that have ended, and of these the last one.
constexpr std::string_view kThatOne =
    "ORDER BY (state = 'sent' AND retry_at IS NOT NULL) DESC, state = 'queued' DESC, sent_at DESC, id DESC LIMIT 1";
constexpr std::string_view kAnswered =
    "UPDATE downlink SET state = ?, answer = ?, last_error = ?, delivered_at = IF(?, NOW(6), NULL), "
    "lease_owner = NULL, lease_until = NULL, retry_at = NULL "
    "WHERE nserie = ? AND attempts > 0 AND (id & ?) = (? & ?) AND (state = 'queued' "
    "OR (state = 'sent' AND (? OR retry_at IS NOT NULL)) OR (state IN ('failed', 'expired') AND ?)) ";
constexpr std::string_view kProved = "SELECT 1 FROM device WHERE nserie = ? AND codec = ? AND auth_level >= ?";
constexpr std::string_view kUnderWay =
    "lease_owner = NULL, lease_until = NULL, last_error = 'the device: not now' WHERE nserie = ? AND attempts > 0 "
    "AND (id & ?) = (? & ?) AND state IN ('queued', 'sent') ";

}  // namespace

bool DownlinkTable::settle(db::Connection& connection, std::string_view which, const std::vector<End>& ends,
                           greenrt::Deadline deadline) {
  const db::Rows found = connection.execute(which, {kSettledAtOnce}, deadline);
  if (found.empty()) return false;
  std::array<db::Value, kSettledAtOnce> ids;  // NULL is nobody's
  for (std::size_t i = 0; i < found.size(); ++i)
    ids[i] = found[i].uint64(0);
  for (const End& end : ends) {
    const auto changed = connection.execute(end.statement, ids, deadline).affected_rows();
    if (end.counter) counters_.*end.counter += changed;
  }
  return found.size() == kSettledAtOnce;
}

void DownlinkTable::settle_unanswered(db::Connection& connection, greenrt::Deadline deadline) {
  static const std::string unanswered = " WHERE state = 'sent' AND retry_at <= NOW(6)";
  static const std::string no_answer = "UPDATE downlink SET last_error = 'no answer', retry_at = NULL, state = ";
  static const std::vector<End> ends{
      {of_these(no_answer + "'failed'" + unanswered + " AND (attempts >= max_attempts OR NOT repeatable)"),
       &Counters::failed},
      {of_these(no_answer + "'expired'" + unanswered + " AND expires_at <= NOW(6)"), &Counters::expired},
      {of_these(no_answer + "'queued'" + unanswered), nullptr}};
  while (settle(connection, kUnanswered, ends, deadline)) {
  }
}

void DownlinkTable::settle_overdue(db::Connection& connection, greenrt::Deadline deadline) {
  static const std::string over =
      "last_error = IF(lease_owner IS NULL, last_error, 'the outcome of the last attempt is unknown'), "
      "lease_owner = NULL, lease_until = NULL, retry_at = NULL "
      "WHERE state = 'queued' AND (lease_until IS NULL OR lease_until <= NOW(6))";
  static const std::vector<End> ends{
      {of_these("UPDATE downlink SET state = 'failed', " + over +
                " AND (attempts >= max_attempts OR (lease_owner IS NOT NULL AND NOT repeatable))"),
       &Counters::failed},
      {of_these("UPDATE downlink SET state = 'expired', " + over + " AND expires_at <= NOW(6)"), &Counters::expired}};
  if (!settle(connection, kOverdue, ends, deadline)) settle_at_ = kSettleEvery;
}

bool DownlinkTable::mark_answered(std::string_view nserie, const ingest::DownlinkAnswer& answer, std::string_view text,
                                  std::string_view unproved_codec) {
  using Outcome = ingest::DownlinkAnswer::Outcome;
  static const std::string answered = std::string(kAnswered) + std::string(kThatOne);
  const greenrt::Deadline deadline(time_limit_);
  const db::Lease connection = acquire_to_change(deadline);
  const auto mac = static_cast<unsigned>(ingest::AuthLevel::kMac);
  if (!unproved_codec.empty() && !connection->execute(kProved, {nserie, unproved_codec, mac}, deadline).empty())
    return false;
  if (answer.outcome == Outcome::kNotNow) return postpone(*connection, nserie, answer, deadline);
  const bool delivered = answer.outcome == Outcome::kDelivered;
  const int numbered = answer.id_bits != 0 ? 1 : 0;
  const std::string words = printable(text).substr(0, kLongestAnswer);
  const std::string error = delivered ? std::string() : words.empty() ? "the device refuses it" : words;
  const auto changed =
      connection
          ->execute(answered,
                    {delivered ? "delivered" : "failed", words.empty() ? db::Value() : db::Value(words),
                     delivered ? db::Value() : db::Value(std::string_view(error).substr(0, kLongestError)),
                     delivered ? 1 : 0, nserie, answer.id_bits, answer.id, answer.id_bits, numbered, numbered},
                    deadline)
          .affected_rows();
  (delivered ? counters_.delivered : counters_.failed) += changed;
  return changed == 1;
}

// "Not now" is said before the frame is obeyed, so that another attempt is no repetition.
bool DownlinkTable::postpone(db::Connection& connection, std::string_view nserie, const ingest::DownlinkAnswer& answer,
                             greenrt::Deadline deadline) {
  static const std::string under_way(kUnderWay);
  static const std::string that_one(kThatOne);
  static const std::string again = "UPDATE downlink SET state = 'queued', retry_at = NOW(6) + INTERVAL ? SECOND, " +
                                   under_way + "AND attempts < max_attempts " + that_one;
  static const std::string failed = "UPDATE downlink SET state = 'failed', retry_at = NULL, " + under_way + that_one;
  const auto bits = answer.id_bits;
  if (connection.execute(again, {kPostponedFor.count(), nserie, bits, answer.id, bits}, deadline).affected_rows() == 1)
    return true;
  const auto changed = connection.execute(failed, {nserie, bits, answer.id, bits}, deadline).affected_rows();
  counters_.failed += changed;
  return changed == 1;
}

}  // namespace hilera
