#include "daemon/logging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/ostream_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <sstream>
#include <thread>

namespace hilera {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::MatchesRegex;

// What is logged in `body`, as journald would read it.
template <typename Body>
std::string logged(const LogConfig& config, Body body, bool to_journal = true) {
  std::ostringstream out;
  {
    Logging logging(config, std::make_shared<spdlog::sinks::ostream_sink_mt>(out), to_journal);
    body();
  }
  return out.str();
}

TEST(Log, WritesOneEventPerLineWithItsFields) {
  const std::string name = "native";
  const std::string line = logged({}, [&] {
    log::info("listener_bound", {{"name", name},
                                 {"port", std::uint16_t{5600}},
                                 {"offset", -1},
                                 {"wildcard", false},
                                 {"took", 1500ms},
                                 {"share", 0.25}});
  });
  EXPECT_EQ(line, "<6>listener_bound name=native port=5600 offset=-1 wildcard=false took=1.5 share=0.25\n");
}

TEST(Log, TextIsQuotedWhenItWouldNotBeOneWord) {
  const std::string line = logged({}, [] {
    log::info("e", {{"a", ""}, {"b", "two words"}, {"c", "k=v"}, {"d", "say \"x\""}, {"e", "back\\slash"}});
  });
  EXPECT_EQ(line, "<6>e a=\"\" b=\"two words\" c=\"k=v\" d=\"say \\\"x\\\"\" e=back\\\\slash\n");
}

TEST(Log, TextFromOutsideCannotForgeALine) {
  const std::string line = logged({}, [] {
    log::info("e", {{"nserie", std::string_view("x\n<3>forged\0\x1b[31m\x7f\xe2\x80\xae", 21)}});
  });
  EXPECT_EQ(line, "<6>e nserie=x\\n<3>forged\\x00\\x1b[31m\\x7f\\xe2\\x80\\xae\n");
}

TEST(Log, LinesBelowTheLevelAreNotWritten) {
  LogConfig config;
  config.level = LogLevel::kWarning;
  const std::string lines = logged(config, [] {
    log::debug("a");
    log::info("b");
    log::warning("c");
    log::error("d");
    log::write_limited(LogLevel::kInfo, "e", {});
  });
  EXPECT_EQ(lines, "<4>c\n<3>d\n");
}

TEST(Log, OutsideOfJournaldALineHasItsTimeAndLevel) {
  EXPECT_THAT(logged(
                  {},
                  [] {
                    log::warning("event", {{"a", 1}});
                  },
                  false),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z warning event a=1\n"));
}

TEST(Log, AnEventThatIsLimitedIsWrittenOncePerInterval) {
  LogConfig config;
  config.repeat_interval = 1h;
  const std::string lines = logged(config, [] {
    for (int i = 0; i < 100; ++i)
      log::write_limited(LogLevel::kWarning, "datagram_rejected", {{"i", i}});
    log::write_limited(LogLevel::kWarning, "other", {});
  });
  EXPECT_EQ(lines, "<4>datagram_rejected i=0\n<4>other\n");
}

TEST(Log, WithoutALoggingGoesToStandardErrorDirectly) {
  testing::internal::CaptureStderr();
  log::info("event", {{"a", "b\n"}});
  log::write_limited(LogLevel::kInfo, "limited", {});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "event a=b\\n\nlimited\n");
}

TEST(Logging, IsOneAtATime) {
  std::ostringstream out;
  Logging first({}, std::make_shared<spdlog::sinks::ostream_sink_mt>(out), true);
  EXPECT_THROW(Logging({}, std::make_shared<spdlog::sinks::ostream_sink_mt>(out), true), std::logic_error);
}

// A sink that takes nothing until it is opened.
class Gate : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void open() {
    const std::lock_guard lock(gate_mutex_);
    open_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] std::uint64_t lines() const { return lines_; }

 protected:
  void sink_it_(const spdlog::details::log_msg&) override {
    std::unique_lock lock(gate_mutex_);
    changed_.wait(lock, [&] { return open_; });
    ++lines_;
  }
  void flush_() override {}

 private:
  std::mutex gate_mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  std::uint64_t lines_ = 0;
};

TEST(Logging, AStuckWriterCostsTheOldestLinesAndNeverTheCaller) {
  constexpr std::uint64_t kLines = 20'000;
  const auto gate = std::make_shared<Gate>();
  std::uint64_t lost = 0;
  {
    Logging logging({}, gate, true);
    for (std::uint64_t i = 0; i < kLines; ++i)
      log::info("event", {{"i", i}});
    lost = logging.lost_lines();
    gate->open();
  }
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(gate->lines() + lost, kLines);
}

TEST(Logging, ManyThreadsMayLog) {
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  const std::string lines = logged({}, [] {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < kEach; ++i)
          log::info("event", {{"i", i}});
      });
    }
    for (auto& thread : threads)
      thread.join();
  });
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), kThreads * kEach);
}

TEST(StderrIsJournal, WhenTheEnvironmentNamesItsDeviceAndInode) {
  struct stat status {};
  ASSERT_EQ(fstat(STDERR_FILENO, &status), 0);
  unsetenv("JOURNAL_STREAM");
  EXPECT_FALSE(stderr_is_journal());
  setenv("JOURNAL_STREAM", "1:1", 1);
  EXPECT_FALSE(stderr_is_journal());
  setenv("JOURNAL_STREAM", (std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino)).c_str(), 1);
  EXPECT_TRUE(stderr_is_journal());
  unsetenv("JOURNAL_STREAM");
}

TEST(Printable, EscapesEverythingButPrintableAscii) {
  EXPECT_EQ(printable("abc \"d\" = e"), "abc \"d\" = e");
  EXPECT_EQ(printable("\r\n\t\\\x01\xff"), "\\r\\n\\t\\\\\\x01\\xff");
}

}  // namespace
}  // namespace hilera
