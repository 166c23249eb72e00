// hileractl's commands against a control socket that answers as hilerad would.

#include "daemon/ctl/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "daemon/control_client.h"
#include "daemon/control_protocol.h"
#include "daemon/control_server.h"
#include "daemon/exit_codes.h"
#include "tests/daemon/run_in_hub.h"

namespace hilera::ctl {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

class Commands : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "ctlXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // Runs a command against a hilerad that gives `answer`, or those of an array one after the other; what it was asked
  // last is in asked_.
  int run(CommandLine line, const json& answer) {
    line.control = directory_ + "/control";
    int status = -1;
    testing::internal::CaptureStderr();
    run_in_hub([&] {
      ControlServer::Commands commands;
      for (const auto name : {control::kStatus, control::kDownlinkAdd, control::kDownlinkList, control::kDownlinkCancel,
                              control::kJournalPage}) {
        commands.emplace(name, ControlServer::Command{.handler = [this, name, answer](const json& arguments) {
                           asked_ = {{std::string(name), arguments}};
                           return answer.is_array() ? answer.at(answers_++) : answer;
                         }});
      }
      ControlServer server(line.control, std::move(commands));
      server.start();
      status = run_command(line, out_);
      server.stop(30s);
    });
    testing::internal::GetCapturedStderr();
    return status;
  }

  std::string directory_;
  std::ostringstream out_;
  json asked_;
  std::size_t answers_ = 0;
};

TEST_F(Commands, StatusSucceedsOnlyWhenAllIsWell) {
  const json good{{"ready", true}, {"ledger", {{"balanced", true}}}};
  EXPECT_EQ(run({.command = Command::kStatus}, good), kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("all is well"));
  EXPECT_EQ(run({.command = Command::kStatus}, {{"ready", false}}), kExitFailure);
  EXPECT_THAT(out_.str(), HasSubstr("NOT ALL IS WELL"));
}

TEST_F(Commands, HealthzSucceedsWhenThereIsAnAnswer) {
  EXPECT_EQ(run({.command = Command::kHealthz}, {{"ready", false}}), kExitOk);
  EXPECT_EQ(out_.str(), "ok\n");
}

TEST_F(Commands, TheAnswerMayBeJson) {
  EXPECT_EQ(run({.command = Command::kStatus, .json = true}, {{"ready", false}}), kExitFailure);
  EXPECT_EQ(json::parse(out_.str()), (json{{"ready", false}}));
}

TEST_F(Commands, DownlinkAddSendsWhatWasGiven) {
  EXPECT_EQ(run({.command = Command::kDownlinkAdd, .nserie = "123", .payload_hex = "0a"}, {{"id", 7}}), kExitOk);
  EXPECT_EQ(asked_, (json{{"downlink_add", {{"nserie", "123"}, {"payload", "0a"}}}}));
  EXPECT_EQ(out_.str(), "Queued as 7.\n");
  run({.command = Command::kDownlinkAdd,
       .nserie = "123",
       .payload_hex = "0a",
       .not_before_in = "5min",
       .expires_in = "1h",
       .max_attempts = 2},
      {{"id", 8}});
  EXPECT_EQ(asked_["downlink_add"]["not_before_in"], "5min");
  EXPECT_EQ(asked_["downlink_add"]["expires_in"], "1h");
  EXPECT_EQ(asked_["downlink_add"]["max_attempts"], 2);
}

TEST_F(Commands, DownlinkListSendsItsFilter) {
  const json none{{"downlinks", json::array()}};
  EXPECT_EQ(run({.command = Command::kDownlinkList}, none), kExitOk);
  EXPECT_EQ(asked_, (json{{"downlink_list", json::object()}}));
  run({.command = Command::kDownlinkList, .nserie = "1", .state = "sent", .limit = 5}, none);
  EXPECT_EQ(asked_, (json{{"downlink_list", {{"nserie", "1"}, {"state", "sent"}, {"limit", 5}}}}));
}

TEST_F(Commands, JournalInfoShowsItsPartOfTheStatus) {
  const json status{
      {"journal", {{"bytes", 1}}}, {"store", {{"shards", 2}}}, {"ledger", {{"balanced", true}}}, {"x", 1}};
  EXPECT_EQ(run({.command = Command::kJournalInfo, .json = true}, status), kExitOk);
  EXPECT_EQ(json::parse(out_.str()),
            (json{{"journal", {{"bytes", 1}}}, {"store", {{"shards", 2}}}, {"ledger", {{"balanced", true}}}}));
}

TEST_F(Commands, JournalExportAsksPageAfterPage) {
  const json pages = json::array({{{"records", {{{"place", 1}}, {{"place", 2}}}}, {"read_to", 2}},
                                  {{"records", {{{"place", 5}}}}, {"read_to", 5}},
                                  {{"records", json::array()}, {"read_to", 5}}});
  EXPECT_EQ(run({.command = Command::kJournalExport}, pages), kExitOk);
  EXPECT_EQ(out_.str(), "{\"place\":1}\n{\"place\":2}\n{\"place\":5}\n");
  EXPECT_EQ(asked_, (json{{"journal_page", {{"after", 5}, {"limit", 1000}}}}));
}

TEST_F(Commands, JournalExportEndsAtItsLimitOfDatagrams) {
  const json pages = json::array({{{"records", {{{"place", 8}}, {{"place", 8}}, {{"place", 9}}}}, {"read_to", 9}},
                                  {{"records", {{{"place", 10}}}}, {"read_to", 10}}});
  EXPECT_EQ(run({.command = Command::kJournalExport, .limit = 3, .after = 7}, pages), kExitOk);
  EXPECT_EQ(asked_, (json{{"journal_page", {{"after", 9}, {"limit", 1}}}}));
}

TEST_F(Commands, DownlinkCancelFailsWhenItIsTooLate) {
  EXPECT_EQ(run({.command = Command::kDownlinkCancel, .id = 7}, {{"cancelled", true}}), kExitOk);
  EXPECT_EQ(asked_, (json{{"downlink_cancel", {{"id", 7}}}}));
  EXPECT_EQ(run({.command = Command::kDownlinkCancel, .id = 7}, {{"cancelled", false}}), kExitFailure);
}

TEST_F(Commands, WithoutHileradTheyAreUnavailable) {
  run_in_hub([&] {
    EXPECT_THROW(run_command({.command = Command::kStatus, .control = directory_ + "/none"}, out_), ControlUnavailable);
  });
}

}  // namespace
}  // namespace hilera::ctl
