// db::Error: what went wrong in the database, and what is to be done about it.
//
// Every failure that the server or the client library reports becomes an Error with a class; who stores rows decides by
// the class alone, never by the code. One table maps codes to classes; what the table does not know is classified by
// its SQLSTATE, and failing that by kStopAndAlarm: nothing is given up, and somebody has to look.
//
// Kills and the caller's own Timeouts are not errors: they pass through as greenrt::Unwind.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace db {

enum class ErrorClass : std::uint8_t {
  kRetry,          // the server rolled the transaction back: run it again now
  kRollbackRetry,  // roll back, then run the transaction again
  kReconnect,      // the connection is lost or the node unusable, the outcome of what was under way unknown
  kDuplicate,      // the row is there already
  kSplit,          // the request is too large: send it in smaller parts
  kPoisonRow,      // one row is refused for what it holds: isolate it
  kStopAndAlarm,   // schema or rights are wrong: stop writing, say so, try again slowly
  kWait,           // the server, or the pool, cannot take it for the time being
};

inline constexpr std::size_t kErrorClasses = 8;

// The label value in hilera_db_errors_total{class}: "retry", "stop_and_alarm" ... Static text.
[[nodiscard]] std::string_view to_string(ErrorClass error_class);

struct ClassifiedCode {
  unsigned code;
  ErrorClass error_class;
};

// The table: MariaDB's server and client error codes, in ascending order.
[[nodiscard]] std::span<const ClassifiedCode> classified_codes();

[[nodiscard]] ErrorClass classify(unsigned code, std::string_view sqlstate);

// Code of an error that the client library, not the server, reports. The connection cannot be used after it.
[[nodiscard]] constexpr bool is_client_error(unsigned code) {
  return (code >= 2000 && code < 3000) || (code >= 5000 && code < 6000);
}

class Error : public std::runtime_error {
 public:
  // An error that the server or the client library reports; classified by the table.
  Error(unsigned code, std::string_view sqlstate, const std::string& message);
  // One of our own, without a code.
  Error(ErrorClass error_class, const std::string& message);

  [[nodiscard]] unsigned code() const { return code_; }
  // Five characters, or empty.
  [[nodiscard]] const std::string& sqlstate() const { return sqlstate_; }
  [[nodiscard]] ErrorClass error_class() const { return error_class_; }

  // The connection on which it happened is of no further use.
  [[nodiscard]] bool breaks_connection() const;

  // The server, or the way to it, did not come to an end with it in time: less of it might.
  [[nodiscard]] virtual bool took_too_long() const;

  // The server has too many connections, of ours or of all: it works, but not for one more.
  [[nodiscard]] bool is_crowded_host() const;
  // The server says that it cannot store anything for the time being: it is read-only, or a node without its cluster.
  [[nodiscard]] bool makes_host_unfit() const;

 private:
  unsigned code_ = 0;
  std::string sqlstate_;
  ErrorClass error_class_;
};

// A call did not finish by its deadline. The connection is discarded. kReconnect.
class DeadlineError : public Error {
 public:
  explicit DeadlineError(const std::string& message) : Error(ErrorClass::kReconnect, message) {}
  [[nodiscard]] bool took_too_long() const override { return true; }
};

// No connection became free in time. kWait.
class PoolTimeout : public Error {
 public:
  explicit PoolTimeout(const std::string& message) : Error(ErrorClass::kWait, message) {}
};

// The pool was closed. kWait: it is no fault of the rows.
class PoolClosed : public Error {
 public:
  PoolClosed() : Error(ErrorClass::kWait, "the connection pool is closed") {}
};

// Errors by class since the start, for hilera_db_errors_total.
class ErrorCounts {
 public:
  void count(ErrorClass error_class) { ++counts_[static_cast<std::size_t>(error_class)]; }
  [[nodiscard]] std::uint64_t operator[](ErrorClass error_class) const {
    return counts_[static_cast<std::size_t>(error_class)];
  }

 private:
  std::array<std::uint64_t, kErrorClasses> counts_{};
};

}  // namespace db
