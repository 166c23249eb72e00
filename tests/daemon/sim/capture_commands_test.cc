#include "daemon/sim/capture_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include "tests/daemon/capture/capture_files.h"
#include "tests/support/temp_folder.h"

namespace hilera::sim {
namespace {

using ::testing::HasSubstr;

constexpr int kBadUsage = 2;
constexpr int kFailed = 1;

class CaptureCommands : public ::testing::Test {
 protected:
  using Command = int(int, const char* const*, std::ostream&, std::ostream&);

  int run(Command& command, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "command");
    std::vector<const char*> argv;
    for (const std::string& argument : arguments)
      argv.push_back(argument.c_str());
    out_.str("");
    error_.str("");
    return command(static_cast<int>(argv.size()), argv.data(), out_, error_);
  }

  testing_support::TempFolder folder_;
  std::string file_ = folder_.path() + "/frames";
  std::ostringstream out_;
  std::ostringstream error_;
};

TEST_F(CaptureCommands, SummariesAreOneObject) {
  capture::testing::write_file(file_, "00ff\n10\n");
  EXPECT_EQ(run(replay_command, {file_, "--target", "127.0.0.1:9", "--wait", "0"}), 0) << error_.str();
  EXPECT_EQ(out_.str(),
            "{\"sent\":2,\"send_failed\":0,\"answers\":0,\"sources\":1,\"other_ports\":0,\"not_udp\":0,"
            "\"fragments\":0,\"cut\":0}\n");
  EXPECT_EQ(run(capture_command, {file_, "--listen", "127.0.0.9:9999", "--seconds", "0.001"}), 0) << error_.str();
  EXPECT_EQ(out_.str(), "{\"captured\":0,\"kernel_drops\":0}\n");
  EXPECT_EQ(run(replay_command, {file_, "--target", "127.0.0.1:9", "--wait", "0"}), 0) << "an empty capture";
}

TEST_F(CaptureCommands, AWrongCommandLineIsToldSo) {
  EXPECT_EQ(run(replay_command, {}), kBadUsage);
  EXPECT_EQ(run(replay_command, {file_, "--target", "nowhere"}), kBadUsage);
  EXPECT_THAT(error_.str(), HasSubstr("'nowhere' is not HOST:PORT"));
  EXPECT_EQ(run(replay_command, {file_, "--target", "127.0.0.1:9", "--speed", "-1"}), kBadUsage);
  EXPECT_EQ(run(capture_command, {file_}), kBadUsage);
  EXPECT_EQ(run(capture_command, {file_, "--listen", "some.name:9"}), kBadUsage);
}

TEST_F(CaptureCommands, AFileThatCannotBeUsedIsNamed) {
  EXPECT_EQ(run(replay_command, {"/nowhere/frames", "--target", "127.0.0.1:9"}), kFailed);
  EXPECT_THAT(error_.str(), HasSubstr("hilera-sim replay: /nowhere/frames: No such file"));
  EXPECT_EQ(run(capture_command, {"/nowhere/frames", "--listen", "127.0.0.9:9998", "--seconds", "1"}), kFailed);
  EXPECT_THAT(error_.str(), HasSubstr("hilera-sim capture: /nowhere/frames: No such file"));
}

TEST_F(CaptureCommands, HelpIsNoError) {
  EXPECT_EQ(run(replay_command, {"--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("--speed"));
}

}  // namespace
}  // namespace hilera::sim
