#include "db/error.h"

#include <algorithm>

namespace db {
namespace {

using enum ErrorClass;

constexpr std::array kCodes = {
    ClassifiedCode{1020, kRetry},          // record has changed since last read (certification, snapshot)
    ClassifiedCode{1021, kWait},           // disk full
    ClassifiedCode{1030, kWait},           // error from the storage engine
    ClassifiedCode{1040, kReconnect},      // too many connections
    ClassifiedCode{1044, kStopAndAlarm},   // access denied to the database
    ClassifiedCode{1045, kStopAndAlarm},   // access denied
    ClassifiedCode{1047, kReconnect},      // the Galera node is not ready
    ClassifiedCode{1048, kPoisonRow},      // column cannot be NULL
    ClassifiedCode{1049, kStopAndAlarm},   // unknown database
    ClassifiedCode{1053, kReconnect},      // server shutdown in progress
    ClassifiedCode{1054, kStopAndAlarm},   // unknown column
    ClassifiedCode{1062, kDuplicate},      // duplicate entry
    ClassifiedCode{1114, kWait},           // table full
    ClassifiedCode{1129, kReconnect},      // host blocked
    ClassifiedCode{1142, kStopAndAlarm},   // command denied on the table
    ClassifiedCode{1143, kStopAndAlarm},   // command denied on the column
    ClassifiedCode{1146, kStopAndAlarm},   // no such table
    ClassifiedCode{1153, kSplit},          // packet larger than max_allowed_packet
    ClassifiedCode{1203, kReconnect},      // too many connections of this user
    ClassifiedCode{1205, kRollbackRetry},  // lock wait timeout
    ClassifiedCode{1206, kWait},           // lock table full
    ClassifiedCode{1213, kRetry},          // deadlock
    ClassifiedCode{1226, kWait},           // a limit of this user is reached (connections, statements an hour)
    ClassifiedCode{1264, kPoisonRow},      // out of range
    ClassifiedCode{1265, kPoisonRow},      // data truncated
    ClassifiedCode{1290, kWait},           // the server runs with --read-only
    ClassifiedCode{1292, kPoisonRow},      // incorrect value
    ClassifiedCode{1317, kRollbackRetry},  // query interrupted (KILL QUERY)
    ClassifiedCode{1366, kPoisonRow},      // incorrect value for the column
    ClassifiedCode{1406, kPoisonRow},      // data too long
    ClassifiedCode{1452, kPoisonRow},      // foreign key
    ClassifiedCode{1644, kPoisonRow},      // a trigger's SIGNAL
    ClassifiedCode{1792, kWait},           // read-only transaction, which the server makes of every one
    ClassifiedCode{1836, kWait},           // read only
    ClassifiedCode{1927, kReconnect},      // connection was killed
    ClassifiedCode{1969, kRollbackRetry},  // max_statement_time exceeded
    ClassifiedCode{2002, kReconnect},      // cannot connect through the socket
    ClassifiedCode{2003, kReconnect},      // cannot connect
    ClassifiedCode{2005, kReconnect},      // unknown host
    ClassifiedCode{2006, kReconnect},      // server has gone away
    ClassifiedCode{2013, kReconnect},      // lost connection
    ClassifiedCode{2020, kSplit},          // packet larger than the client's limit
    ClassifiedCode{2055, kReconnect},      // lost connection, with a system error
    ClassifiedCode{4025, kPoisonRow},      // CHECK constraint
    ClassifiedCode{4031, kReconnect},      // disconnected for idleness
};

static_assert(std::ranges::is_sorted(kCodes, {}, &ClassifiedCode::code));

constexpr unsigned kPacketTooLarge = 1153;  // the server closes the connection after it
constexpr unsigned kStatementTooSlow = 1969;  // max_statement_time
constexpr std::array kCrowdedHost = {1040U, 1203U, 1226U};
constexpr std::array kUnfitHost = {1047U, 1290U, 1792U, 1836U};

ErrorClass classify_by_sqlstate(std::string_view sqlstate) {
  const std::string_view kind = sqlstate.substr(0, 2);
  if (kind == "22" || kind == "23") return kPoisonRow;
  if (kind == "08") return kReconnect;
  if (kind == "40") return kRetry;
  return kStopAndAlarm;
}

}  // namespace

std::string_view to_string(ErrorClass error_class) {
  switch (error_class) {
    case kRetry:
      return "retry";
    case kRollbackRetry:
      return "rollback_retry";
    case kReconnect:
      return "reconnect";
    case kDuplicate:
      return "duplicate";
    case kSplit:
      return "split";
    case kPoisonRow:
      return "poison_row";
    case kStopAndAlarm:
      return "stop_and_alarm";
    case kWait:
      return "wait";
  }
  return "unknown";
}

std::span<const ClassifiedCode> classified_codes() {
  return kCodes;
}

ErrorClass classify(unsigned code, std::string_view sqlstate) {
  const auto found = std::ranges::lower_bound(kCodes, code, {}, &ClassifiedCode::code);
  if (found != kCodes.end() && found->code == code) return found->error_class;
  if (is_client_error(code)) return kReconnect;
  return classify_by_sqlstate(sqlstate);
}

Error::Error(unsigned code, std::string_view sqlstate, const std::string& message)
    : std::runtime_error(message + " (" + std::to_string(code) + ")"),
      code_(code),
      sqlstate_(sqlstate),
      error_class_(classify(code, sqlstate)) {}

Error::Error(ErrorClass error_class, const std::string& message)
    : std::runtime_error(message), error_class_(error_class) {}

bool Error::breaks_connection() const {
  return error_class_ == kReconnect || is_client_error(code_) || code_ == kPacketTooLarge;
}

bool Error::took_too_long() const {
  return code_ == kStatementTooSlow;
}

bool Error::is_crowded_host() const {
  return std::ranges::find(kCrowdedHost, code_) != kCrowdedHost.end();
}

bool Error::makes_host_unfit() const {
  return std::ranges::find(kUnfitHost, code_) != kUnfitHost.end();
}

}  // namespace db
