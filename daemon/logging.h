// The log: one event per line on standard error, `EVENT key=value key=value`, as logfmt.
//
//   log::info("listener_bound", {{"name", name}, {"address", address}, {"port", port}});
//
// The line is made by the caller and written by a thread of its own, so that the hub never waits for a log: when the
// writer cannot follow, the oldest waiting line is lost and counted. Every text value is escaped here, so that nothing
// from outside can forge a line. Any thread may log. Never yields, never throws; without a Logging, lines from
// info on are written directly.

#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "daemon/config.h"

namespace spdlog::sinks {
class sink;
}

namespace hilera {

// Printable ASCII as it is; every other byte, and the backslash, as an escape such as \n or \xe2.
std::string printable(std::string_view text);

namespace log {

// One key=value of a line. Texts are quoted when they hold a space, '=' or '"'. Durations are in seconds.
class Field {
 public:
  Field(std::string_view key, std::string_view value) : key_(key), value_(value) {}
  Field(std::string_view key, const std::string& value) : key_(key), value_(std::string_view(value)) {}
  Field(std::string_view key, const char* value) : key_(key), value_(std::string_view(value)) {}
  Field(std::string_view key, bool value) : key_(key), value_(value) {}
  Field(std::string_view key, double value) : key_(key), value_(value) {}
  template <std::signed_integral Integer>
  Field(std::string_view key, Integer value) : key_(key), value_(static_cast<std::int64_t>(value)) {}
  template <std::unsigned_integral Integer>
  requires(!std::same_as<Integer, bool>) Field(std::string_view key, Integer value)
      : key_(key), value_(static_cast<std::uint64_t>(value)) {}
  template <typename Rep, typename Period>
  Field(std::string_view key, std::chrono::duration<Rep, Period> value)
      : key_(key), value_(std::chrono::duration<double>(value).count()) {}

  void append_to(std::string& line) const;

 private:
  std::string_view key_;
  std::variant<std::string_view, bool, double, std::int64_t, std::uint64_t> value_;
};

using Fields = std::initializer_list<Field>;

void write(LogLevel level, std::string_view event, Fields fields);

inline void debug(std::string_view event, Fields fields = {}) {
  write(LogLevel::kDebug, event, fields);
}
inline void info(std::string_view event, Fields fields = {}) {
  write(LogLevel::kInfo, event, fields);
}
inline void warning(std::string_view event, Fields fields = {}) {
  write(LogLevel::kWarning, event, fields);
}
inline void error(std::string_view event, Fields fields = {}) {
  write(LogLevel::kError, event, fields);
}

// For events that outside parties can cause at will: at most one line per event in log.repeat_interval, with
// `suppressed=N` for those in between. `event` is one of a few static texts, never something from outside.
void write_limited(LogLevel level, std::string_view event, Fields fields);

}  // namespace log

// Owns the log's writer. One at a time; lines go to it from its construction to its destruction, which writes all that
// wait.
class Logging {
 public:
  explicit Logging(const LogConfig& config);
  // `to_journal`: the line begins with <PRIORITY> as journald reads it, and has no time of its own.
  Logging(const LogConfig& config, std::shared_ptr<spdlog::sinks::sink> sink, bool to_journal);
  Logging(const Logging&) = delete;
  Logging& operator=(const Logging&) = delete;
  ~Logging();

  // From the next line on.
  void configure(const LogConfig& config);

  // Lines lost because the writer could not follow.
  [[nodiscard]] std::uint64_t lost_lines() const;

 private:
  struct Writer;
  std::unique_ptr<Writer> writer_;

  friend void log::write(LogLevel level, std::string_view event, log::Fields fields);
  friend void log::write_limited(LogLevel level, std::string_view event, log::Fields fields);
};

// Whether standard error is journald's stream (JOURNAL_STREAM names its device and inode).
bool stderr_is_journal();

}  // namespace hilera
