// hileractl's commands against a control socket that answers as hilerad would.

#include "daemon/ctl/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
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
using testing::AllOf;
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
  int run(CommandLine line, const json& answer, const Terminals& terminals = {}) {
    line.control = directory_ + "/control";
    int status = -1;
    testing::internal::CaptureStderr();
    run_in_hub([&] {
      ControlServer::Commands commands;
      for (const auto name : {control::kStatus, control::kDownlinkAdd, control::kDownlinkList, control::kDownlinkShow,
                              control::kDownlinkCancel, control::kDeadLetterList, control::kDeadLetterShow,
                              control::kDeadLetterReplay, control::kJournalPage}) {
        commands.emplace(name, ControlServer::Command{.handler = [this, name, answer](const json& arguments) {
                           asked_ = {{std::string(name), arguments}};
                           return answer.is_array() ? answer.at(answers_++) : answer;
                         }});
      }
      ControlServer server(line.control, std::move(commands));
      server.start();
      status = run_command(line, out_, notes_, terminals);
      server.stop(30s);
    });
    testing::internal::GetCapturedStderr();
    return status;
  }

  std::string directory_;
  std::ostringstream out_;
  std::ostringstream notes_;
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
  run({.command = Command::kDownlinkAdd, .nserie = "123", .payload_hex = "0a", .idempotent = true}, {{"id", 9}});
  EXPECT_EQ(asked_["downlink_add"]["idempotent"], true);
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

TEST_F(Commands, JournalExportTellsWhatCouldNotBeRead) {
  const json pages = json::array({{{"records", {{{"place", 1}}}}, {"read_to", 3}, {"unreadable", 2}},
                                  {{"records", json::array()}, {"read_to", 5}, {"unreadable", 3}}});
  EXPECT_EQ(run({.command = Command::kJournalExport}, pages), kExitFailure);
  EXPECT_EQ(out_.str(), "{\"place\":1}\n");
  EXPECT_EQ(notes_.str(), "5 records could not be read.\n");
}

TEST_F(Commands, JournalOfAFolderNeedsNoHilerad) {
  for (const auto command : {Command::kJournalExport, Command::kJournalInfo}) {
    run_in_hub([&] {
      EXPECT_THROW(run_command({.command = command, .directory = directory_}, out_, notes_), std::runtime_error);
    });
  }
}

TEST_F(Commands, DownlinkShowAsksForOne) {
  EXPECT_EQ(run({.command = Command::kDownlinkShow, .id = 7}, {{"downlink", {{"id", 7}, {"answer", "INI:1"}}}}),
            kExitOk);
  EXPECT_EQ(asked_, (json{{"downlink_show", {{"id", 7}}}}));
  EXPECT_THAT(out_.str(), ::testing::HasSubstr("INI:1"));
}

TEST_F(Commands, DownlinkCancelFailsWhenItIsTooLate) {
  EXPECT_EQ(run({.command = Command::kDownlinkCancel, .id = 7}, {{"cancelled", true}}), kExitOk);
  EXPECT_EQ(asked_, (json{{"downlink_cancel", {{"id", 7}}}}));
  EXPECT_EQ(run({.command = Command::kDownlinkCancel, .id = 7}, {{"cancelled", false}}), kExitFailure);
}

json dead_letters(int newest, int oldest) {
  json letters = json::array();
  for (int id = newest; id >= oldest; --id)
    letters.push_back({{"id", id}});
  return {{"dead_letters", letters}};
}

TEST_F(Commands, DeadLetterListSendsItsFilter) {
  EXPECT_EQ(run({.command = Command::kDeadLetterList}, dead_letters(0, 1)), kExitOk);
  EXPECT_EQ(asked_, (json{{"dead_letter_list", {{"replayed", "no"}, {"limit", 50}}}}));
  EXPECT_EQ(out_.str(), "There is none.\n");
  run({.command = Command::kDeadLetterList, .nserie = "1", .limit = 5, .reason = "conflict", .replayed = "all"},
      dead_letters(0, 1));
  EXPECT_EQ(asked_["dead_letter_list"],
            (json{{"nserie", "1"}, {"reason", "conflict"}, {"replayed", "all"}, {"limit", 5}}));
}

TEST_F(Commands, DeadLetterListAsksPageAfterPage) {
  const json pages = json::array({dead_letters(900, 401), dead_letters(400, 301)});
  EXPECT_EQ(run({.command = Command::kDeadLetterList, .json = true, .limit = 600}, pages), kExitOk);
  EXPECT_EQ(asked_, (json{{"dead_letter_list", {{"replayed", "no"}, {"limit", 100}, {"before", 401}}}}));
  EXPECT_EQ(json::parse(out_.str())["dead_letters"].size(), 600u);
}

json replays(std::initializer_list<std::pair<int, const char*>> outcomes) {
  json letters = json::array();
  int last = 0;
  for (const auto& [id, outcome] : outcomes) {
    letters.push_back({{"id", id}, {"nserie", "D1"}, {"outcome", outcome}, {"detail", ""}});
    last = id;
  }
  return {{"letters", letters}, {"read_to", last}};
}

TEST_F(Commands, DeadLetterReplaySucceedsWhenTheRecordIsThere) {
  for (const char* outcome : {"replayed", "already_replayed", "already_stored"}) {
    EXPECT_EQ(run({.command = Command::kDeadLetterReplay, .id = 7}, replays({{7, outcome}})), kExitOk) << outcome;
    EXPECT_EQ(asked_, (json{{"dead_letter_replay", {{"id", 7}, {"limit", 1}}}}));
  }
  for (const char* outcome : {"conflict", "refused", "unreadable", "locked", "not_found", "of another version"})
    EXPECT_EQ(run({.command = Command::kDeadLetterReplay, .id = 7}, replays({{7, outcome}})), kExitFailure) << outcome;
}

TEST_F(Commands, DeadLetterReplayAsksPageAfterPageAndTellsHowFarItIs) {
  const json pages =
      json::array({replays({{1, "replayed"}, {4, "conflict"}}), replays({{5, "replayed"}}), replays({})});
  EXPECT_EQ(run({.command = Command::kDeadLetterReplay, .nserie = "D1"}, pages), kExitFailure);
  EXPECT_EQ(asked_, (json{{"dead_letter_replay", {{"nserie", "D1"}, {"limit", 100}, {"after", 5}}}}));
  EXPECT_EQ(out_.str(), "1 D1: replayed\n4 D1: conflict\n5 D1: replayed\n");
  EXPECT_EQ(notes_.str(), "1 conflict, 2 replayed\n");
}

TEST_F(Commands, ProgressIsShownOnATerminalOnly) {
  json first = replays({{1, "replayed"}, {2, "replayed"}});
  first["waiting"] = 3;
  const json pages = json::array({first, replays({{3, "replayed"}}), replays({})});
  EXPECT_EQ(run({.command = Command::kDeadLetterReplay, .nserie = "D1"}, pages, {.notes = true}), kExitOk);
  EXPECT_THAT(notes_.str(), AllOf(HasSubstr("2 of 3 (66 %), "), testing::EndsWith("\r\x1b[K3 replayed\n")));

  notes_.str("");
  answers_ = 0;
  const json records = json::array({{{"records", {{{"place", 11}}}}, {"read_to", 11}, {"last_place", 14}},
                                    {{"records", json::array()}, {"read_to", 14}}});
  EXPECT_EQ(run({.command = Command::kJournalExport}, records, {.notes = true}), kExitOk);
  EXPECT_THAT(notes_.str(), AllOf(HasSubstr("1 of 4 (25 %)"), testing::EndsWith("\r\x1b[K")));

  notes_.str("");
  answers_ = 0;
  EXPECT_EQ(run({.command = Command::kJournalExport}, records), kExitOk);
  EXPECT_EQ(notes_.str(), "");
}

TEST_F(Commands, OnlyAProgressThatIsShownAsksHowManyLettersWait) {
  EXPECT_EQ(run({.command = Command::kDeadLetterReplay, .nserie = "D1"}, replays({}), {.notes = true}), kExitOk);
  EXPECT_EQ(asked_, (json{{"dead_letter_replay", {{"nserie", "D1"}, {"limit", 100}, {"count", true}}}}));
  EXPECT_EQ(run({.command = Command::kDeadLetterReplay, .nserie = "D1"}, replays({})), kExitOk);
  EXPECT_EQ(asked_, (json{{"dead_letter_replay", {{"nserie", "D1"}, {"limit", 100}}}}));
}

TEST_F(Commands, TopPrintsALineForEachLookFromTheSecondOn) {
  const auto status = [](int uptime, int received) {
    return json{{"uptime_seconds", uptime}, {"ledger", {{"intake", {{"received", received}}}}}};
  };
  const json answers = json::array({status(1, 100), status(2, 150), status(3, 250)});
  EXPECT_EQ(run({.command = Command::kTop, .json = true, .interval = 1ms, .count = 2}, answers), kExitOk);
  std::istringstream lines(out_.str());
  for (const int rate : {50, 100}) {
    std::string line;
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(json::parse(line)["rates"]["received"], rate);
  }
  EXPECT_EQ(lines.peek(), EOF);
}

TEST_F(Commands, TopSaysThatNobodyAnswers) {
  run_in_hub([&] {
    const CommandLine line{.command = Command::kTop, .control = directory_ + "/none", .interval = 1ms, .count = 2};
    EXPECT_EQ(run_command(line, out_, notes_), kExitUnavailable);
  });
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("received/s"), HasSubstr("/none")));
}

TEST_F(Commands, DeadLetterReplayOfAllTellsOfThoseThatItLeavesOut) {
  EXPECT_EQ(run({.command = Command::kDeadLetterReplay, .all = true}, json::array({replays({}), dead_letters(0, 1)})),
            kExitOk);
  EXPECT_EQ(asked_, (json{{"dead_letter_list", {{"reason", "unreadable"}, {"limit", 1}}}}));
  EXPECT_EQ(notes_.str(), "There is none to replay.\n");
  answers_ = 0;
  EXPECT_EQ(run({.command = Command::kDeadLetterReplay, .all = true}, json::array({replays({}), dead_letters(1, 1)})),
            kExitOk);
  EXPECT_THAT(notes_.str(), HasSubstr("some that no codec can read"));
}

TEST_F(Commands, DeadLetterShowGivesTheBytes) {
  const json letter{{"dead_letter", {{"id", 7}, {"nserie", "D1"}, {"reason", "unreadable"}, {"raw", "c0ffee"}}}};
  EXPECT_EQ(run({.command = Command::kDeadLetterShow, .id = 7}, letter), kExitOk);
  EXPECT_EQ(asked_, (json{{"dead_letter_show", {{"id", 7}}}}));
  EXPECT_THAT(out_.str(), HasSubstr("datagram    c0ffee\n"));
}

TEST_F(Commands, DeadLetterReplayEndsAtItsLimit) {
  const json pages = json::array({replays({{1, "replayed"}, {2, "replayed"}}), replays({{3, "replayed"}})});
  EXPECT_EQ(run({.command = Command::kDeadLetterReplay, .json = true, .limit = 3, .reason = "refused"}, pages),
            kExitOk);
  EXPECT_EQ(asked_, (json{{"dead_letter_replay", {{"reason", "refused"}, {"limit", 1}, {"after", 2}}}}));
  const std::string lines = out_.str();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3) << "an object a line";
  EXPECT_EQ(json::parse(lines.substr(0, lines.find('\n')))["outcome"], "replayed");
}

TEST_F(Commands, DeadLetterReplaySaysWhenThereIsNone) {
  EXPECT_EQ(run({.command = Command::kDeadLetterReplay, .nserie = "D1"}, replays({})), kExitOk);
  EXPECT_EQ(notes_.str(), "There is none to replay.\n");
  EXPECT_EQ(out_.str(), "");
}

TEST_F(Commands, WithoutHileradTheyAreUnavailable) {
  run_in_hub([&] {
    EXPECT_THROW(run_command({.command = Command::kStatus, .control = directory_ + "/none"}, out_, notes_),
                 ControlUnavailable);
  });
}

}  // namespace
}  // namespace hilera::ctl
