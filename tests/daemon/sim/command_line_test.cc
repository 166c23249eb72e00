#include "daemon/sim/command_line.h"

#include <gtest/gtest.h>

#include <chrono>
#include <initializer_list>
#include <sstream>
#include <string>
#include <vector>

namespace hilera::sim {
namespace {

using namespace std::chrono_literals;

class CommandLineTest : public testing::Test {
 protected:
  ParsedCommandLine parse(std::initializer_list<const char*> arguments) {
    std::vector<const char*> argv = {"hilera-sim"};
    argv.insert(argv.end(), arguments);
    out_.str("");
    error_.str("");
    return parse_command_line(static_cast<int>(argv.size()), argv.data(), out_, error_);
  }

  void expect_bad(std::initializer_list<const char*> arguments, std::string_view why) {
    const auto parsed = parse(arguments);
    EXPECT_FALSE(parsed.options);
    EXPECT_EQ(parsed.exit_status, kExitBadUsage);
    EXPECT_NE(error_.str().find(why), std::string::npos) << error_.str();
    EXPECT_EQ(out_.str(), "");
  }

  std::ostringstream out_;
  std::ostringstream error_;
};

TEST_F(CommandLineTest, NeedsATargetAndALimit) {
  const auto parsed = parse({"--target", "127.0.0.1:5600", "--frames", "10"});
  ASSERT_TRUE(parsed.options) << error_.str();
  const auto& line = *parsed.options;
  EXPECT_EQ(line.target, (HostPort{"127.0.0.1", 5600}));
  EXPECT_EQ(line.simulator.frames, 10u);
  EXPECT_EQ(line.simulator.duration, std::nullopt);
  EXPECT_EQ(line.simulator.codec, "native");
  EXPECT_EQ(line.simulator.window, 1u);
  EXPECT_TRUE(line.simulator.acks);
  EXPECT_FALSE(line.quiet);
  EXPECT_EQ(line.json_path, "");
}

TEST_F(CommandLineTest, TakesEveryOption) {
  const auto parsed =
      parse({"--target",  "[::1]:5027", "--codec",  "teltonika", "--devices",   "500", "--rate", "2000.5",
             "--seconds", "2.5",        "--window", "4",         "--wait-acks", "1.5", "--seed", "18446744073709551615",
             "--json",    "s.json",     "--log",    "l.log",     "--quiet"});
  ASSERT_TRUE(parsed.options) << error_.str();
  const auto& line = *parsed.options;
  EXPECT_EQ(line.target, (HostPort{"::1", 5027}));
  EXPECT_EQ(line.simulator.codec, "teltonika");
  EXPECT_EQ(line.simulator.devices, 500u);
  EXPECT_EQ(line.simulator.rate, 2000.5);
  EXPECT_EQ(line.simulator.frames, std::nullopt);
  EXPECT_EQ(line.simulator.duration, 2500ms);
  EXPECT_EQ(line.simulator.window, 4u);
  EXPECT_EQ(line.simulator.wait_acks, 1500ms);
  EXPECT_EQ(line.simulator.seed, 18446744073709551615u);
  EXPECT_EQ(line.json_path, "s.json");
  EXPECT_EQ(line.log_path, "l.log");
  EXPECT_TRUE(line.quiet);
}

TEST_F(CommandLineTest, NoAcksIsTheOpenLoop) {
  const auto parsed = parse({"--target", "a:1", "--seconds", "1", "--rate", "0", "--no-acks"});
  ASSERT_TRUE(parsed.options) << error_.str();
  EXPECT_FALSE(parsed.options->simulator.acks);
  EXPECT_EQ(parsed.options->simulator.rate, 0);
}

TEST_F(CommandLineTest, SaysWhatIsWrong) {
  expect_bad({"--frames", "1"}, "--target");
  expect_bad({"--target", "127.0.0.1", "--frames", "1"}, "HOST:PORT");
  expect_bad({"--target", "127.0.0.1:0", "--frames", "1"}, "HOST:PORT");
  expect_bad({"--target", "a:1"}, "--frames");
  expect_bad({"--target", "a:1", "--frames", "1", "--seconds", "1"}, "--seconds");
  expect_bad({"--target", "a:1", "--frames", "0"}, "--frames");
  expect_bad({"--target", "a:1", "--seconds", "0"}, "--seconds");
  expect_bad({"--target", "a:1", "--frames", "1", "--codec", "morse"}, "--codec");
  expect_bad({"--target", "a:1", "--frames", "1", "--devices", "0"}, "--devices");
  expect_bad({"--target", "a:1", "--frames", "1", "--devices", "1000000"}, "--devices");
  expect_bad({"--target", "a:1", "--frames", "1", "--rate", "-1"}, "--rate");
  expect_bad({"--target", "a:1", "--frames", "1", "--rate", "nan"}, "--rate");
  expect_bad({"--target", "a:1", "--seconds", "nan"}, "--seconds");
  expect_bad({"--target", "a:1", "--frames", "1", "--wait-acks", "-1"}, "--wait-acks");
  expect_bad({"--target", "a:1", "--frames", "1", "--window", "0"}, "--window");
  expect_bad({"--target", "a:1", "--frames", "1", "--window", "1024", "--devices", "1000"}, "--window");
  expect_bad({"--target", "a:1", "--frames", "1", "--no-acks", "--log", "l"}, "--log");
  expect_bad({"--target", "a:1", "--frames", "1", "--what"}, "--what");
}

TEST_F(CommandLineTest, HelpAndVersionAreNoErrors) {
  for (const char* option : {"--help", "--version"}) {
    const auto parsed = parse({option});
    EXPECT_FALSE(parsed.options);
    EXPECT_EQ(parsed.exit_status, 0);
    EXPECT_NE(out_.str().find("hilera-sim"), std::string::npos) << out_.str();
    EXPECT_EQ(error_.str(), "");
  }
}

}  // namespace
}  // namespace hilera::sim
