#include "daemon/logging.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <stdexcept>

#include "daemon/rate_limiter.h"

namespace hilera {

namespace {

constexpr std::size_t kQueuedLines = 8192;

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

// The priority that journald reads at the beginning of a line, see sd-daemon(3).
class PriorityFlag : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& line) override {
    const std::string_view prefix = message.level >= spdlog::level::err    ? "<3>"
                                    : message.level == spdlog::level::warn ? "<4>"
                                    : message.level == spdlog::level::info ? "<6>"
                                                                           : "<7>";
    line.append(prefix.data(), prefix.data() + prefix.size());
  }

  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PriorityFlag>();
  }
};

std::unique_ptr<spdlog::pattern_formatter> make_formatter(bool to_journal) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<PriorityFlag>('P');
  formatter->set_pattern(to_journal ? "%P%v" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v");
  return formatter;
}

void append_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      out += "\\\\";
    } else if (byte >= ' ' && byte < 0x7f) {
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out.append("\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 0xf]);
    }
  }
}

void append_text(std::string& line, std::string_view text) {
  const bool bare = !text.empty() && text.find_first_of(" =\"") == std::string_view::npos;
  if (bare) return append_escaped(line, text);
  line += '"';
  while (true) {
    const auto quote = text.find('"');
    append_escaped(line, text.substr(0, quote));
    if (quote == std::string_view::npos) break;
    line += "\\\"";
    text.remove_prefix(quote + 1);
  }
  line += '"';
}

std::string make_line(std::string_view event, log::Fields fields) {
  std::string line(event);
  for (const log::Field& field : fields) {
    line += ' ';
    field.append_to(line);
  }
  return line;
}

}  // namespace

struct Logging::Writer {
  Writer(const LogConfig& config, std::shared_ptr<spdlog::sinks::sink> sink, bool to_journal)
      : limiter(config.repeat_interval),
        threads(std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1)),
        logger(std::make_shared<spdlog::async_logger>("hilera", std::move(sink), threads,
                                                      spdlog::async_overflow_policy::overrun_oldest)) {
    logger->set_formatter(make_formatter(to_journal));
    logger->set_level(to_spdlog(config.level));
    logger->flush_on(spdlog::level::trace);
  }

  std::mutex limiter_mutex;
  RateLimiter limiter;
  std::shared_ptr<spdlog::details::thread_pool> threads;
  std::shared_ptr<spdlog::async_logger> logger;

  static inline std::atomic<Writer*> current = nullptr;
};

Logging::Logging(const LogConfig& config)
    : Logging(config, std::make_shared<spdlog::sinks::stderr_sink_mt>(), stderr_is_journal()) {}

Logging::Logging(const LogConfig& config, std::shared_ptr<spdlog::sinks::sink> sink, bool to_journal)
    : writer_(std::make_unique<Writer>(config, std::move(sink), to_journal)) {
  Writer* none = nullptr;
  if (!Writer::current.compare_exchange_strong(none, writer_.get()))
    throw std::logic_error("there is a Logging already");
}

Logging::~Logging() {
  Writer::current = nullptr;
}

void Logging::configure(const LogConfig& config) {
  writer_->logger->set_level(to_spdlog(config.level));
  const std::lock_guard lock(writer_->limiter_mutex);
  writer_->limiter.set_interval(config.repeat_interval);
}

std::uint64_t Logging::lost_lines() const {
  return writer_->threads->overrun_counter();
}

namespace log {

void Field::append_to(std::string& line) const {
  line.append(key_).append("=");
  if (const auto* text = std::get_if<std::string_view>(&value_)) return append_text(line, *text);
  if (const auto* truth = std::get_if<bool>(&value_)) {
    line += *truth ? "true" : "false";
  } else if (const auto* real = std::get_if<double>(&value_)) {
    fmt::format_to(std::back_inserter(line), "{:g}", *real);
  } else if (const auto* integer = std::get_if<std::int64_t>(&value_)) {
    line += std::to_string(*integer);
  } else {
    line += std::to_string(std::get<std::uint64_t>(value_));
  }
}

void write(LogLevel level, std::string_view event, Fields fields) {
  Logging::Writer* writer = Logging::Writer::current;
  if (writer == nullptr) {
    if (level == LogLevel::kDebug) return;
    const std::string line = make_line(event, fields) + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
    return;
  }
  const auto spd_level = to_spdlog(level);
  if (writer->logger->should_log(spd_level)) writer->logger->log(spd_level, make_line(event, fields));
}

void write_limited(LogLevel level, std::string_view event, Fields fields) {
  Logging::Writer* writer = Logging::Writer::current;
  if (writer == nullptr) return write(level, event, fields);
  const auto spd_level = to_spdlog(level);
  if (!writer->logger->should_log(spd_level)) return;
  std::optional<std::uint64_t> suppressed;
  {
    const std::lock_guard lock(writer->limiter_mutex);
    suppressed = writer->limiter.admit(event, RateLimiter::Clock::now());
  }
  if (!suppressed) return;
  std::string line = make_line(event, fields);
  if (*suppressed > 0) line.append(" suppressed=").append(std::to_string(*suppressed));
  writer->logger->log(spd_level, line);
}

}  // namespace log

std::string printable(std::string_view text) {
  std::string result;
  append_escaped(result, text);
  return result;
}

bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
  return stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

}  // namespace hilera
