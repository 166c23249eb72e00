#include "daemon/ctl/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include "daemon/exit_codes.h"

namespace hilera::ctl {
namespace {

using testing::HasSubstr;

struct Outcome {
  std::optional<CommandLine> line;
  int status = 0;
  std::string out;
  std::string error;
};

Outcome parse(std::vector<const char*> words) {
  words.insert(words.begin(), "hileractl");
  std::ostringstream out;
  std::ostringstream error;
  auto parsed = parse_command_line(static_cast<int>(words.size()), words.data(), out, error);
  return {std::move(parsed.command_line), parsed.exit_status, out.str(), error.str()};
}

TEST(CommandLine, EachCommandIsKnown) {
  EXPECT_EQ(parse({"status"}).line->command, Command::kStatus);
  EXPECT_EQ(parse({"healthz"}).line->command, Command::kHealthz);
  EXPECT_EQ(parse({"schema", "apply"}).line->command, Command::kSchemaApply);
  EXPECT_EQ(parse({"downlink", "add", "123", "--hex", "00"}).line->command, Command::kDownlinkAdd);
  EXPECT_EQ(parse({"downlink", "list"}).line->command, Command::kDownlinkList);
  EXPECT_EQ(parse({"downlink", "show", "7"}).line->command, Command::kDownlinkShow);
  EXPECT_EQ(parse({"downlink", "cancel", "7"}).line->command, Command::kDownlinkCancel);
  EXPECT_EQ(parse({"dead-letter", "list"}).line->command, Command::kDeadLetterList);
  EXPECT_EQ(parse({"dead-letter", "show", "7"}).line->command, Command::kDeadLetterShow);
  EXPECT_EQ(parse({"dead-letter", "replay", "--all"}).line->command, Command::kDeadLetterReplay);
  EXPECT_EQ(parse({"journal", "info"}).line->command, Command::kJournalInfo);
  EXPECT_EQ(parse({"journal", "export", "--after", "7", "--limit", "5"}).line->command, Command::kJournalExport);
}

TEST(CommandLine, TopHasAnIntervalAndAnEnd) {
  const auto usual = parse({"top"}).line;
  EXPECT_EQ(usual->command, Command::kTop);
  EXPECT_EQ(usual->interval, std::chrono::seconds(1));
  EXPECT_FALSE(usual->count);
  const auto line = parse({"top", "--interval", "250ms", "--count", "3"}).line;
  EXPECT_EQ(line->interval, std::chrono::milliseconds(250));
  EXPECT_EQ(line->count, 3u);
  for (const char* wrong : {"1", "0s", "99ms", "2h", "soon"})
    EXPECT_EQ(parse({"top", "--interval", wrong}).status, kExitUsage) << wrong;
  EXPECT_EQ(parse({"top", "--count", "0"}).status, kExitUsage);
}

TEST(CommandLine, CommonOptionsStandBeforeOrBehindTheCommand) {
  for (const auto& words : {std::vector<const char*>{"--json", "--control", "/c", "status"},
                            std::vector<const char*>{"status", "--json", "--control", "/c"},
                            std::vector<const char*>{"downlink", "list", "--json", "--control", "/c"}}) {
    const auto parsed = parse(words);
    ASSERT_TRUE(parsed.line) << parsed.error;
    EXPECT_TRUE(parsed.line->json);
    EXPECT_EQ(parsed.line->control, "/c");
  }
}

TEST(CommandLine, ADownlinkIsHexOrText) {
  EXPECT_EQ(parse({"downlink", "add", "1", "--hex", "0aFF"}).line->payload_hex, "0aFF");
  EXPECT_EQ(parse({"downlink", "add", "1", "--text", "getver\xff"}).line->payload_hex, "676574766572ff");
  EXPECT_EQ(parse({"downlink", "add", "1"}).status, kExitUsage);
  EXPECT_EQ(parse({"downlink", "add", "1", "--hex", "00", "--text", "x"}).status, kExitUsage);
  EXPECT_EQ(parse({"downlink", "add", "--hex", "00"}).status, kExitUsage);
}

TEST(CommandLine, ADownlinkMayHaveItsTimes) {
  const auto line =
      parse({"downlink", "add", "1", "--hex", "00", "--after", "5min", "--expires-in", "1h", "--max-attempts", "5"})
          .line;
  ASSERT_TRUE(line);
  EXPECT_EQ(line->not_before_in, "5min");
  EXPECT_EQ(line->expires_in, "1h");
  EXPECT_EQ(line->max_attempts, 5U);
  EXPECT_FALSE(line->idempotent);
  const auto other_words =
      parse({"downlink", "add", "1", "--hex", "00", "--not-before", "5min", "--expires", "1h", "--idempotent"}).line;
  ASSERT_TRUE(other_words);
  EXPECT_EQ(other_words->not_before_in, "5min");
  EXPECT_EQ(other_words->expires_in, "1h");
  EXPECT_TRUE(other_words->idempotent);
  const auto wrong = parse({"downlink", "add", "1", "--hex", "00", "--after", "5"});
  EXPECT_EQ(wrong.status, kExitUsage);
  EXPECT_THAT(wrong.error, HasSubstr("expected a duration with its unit"));
}

TEST(CommandLine, DeadLettersAreListedByFilter) {
  const auto line = parse({"dead-letter", "list", "--nserie", "1", "--reason", "conflict", "--replayed", "all"}).line;
  ASSERT_TRUE(line);
  EXPECT_EQ(line->nserie, "1");
  EXPECT_EQ(line->reason, "conflict");
  EXPECT_EQ(line->replayed, "all");
  EXPECT_EQ(parse({"dead-letter", "list"}).line->replayed, "no");
  EXPECT_EQ(parse({"dead-letter", "list", "--replayed", "maybe"}).status, kExitUsage);
  EXPECT_EQ(parse({"dead-letter", "list", "--limit", "0"}).status, kExitUsage);
}

TEST(CommandLine, AReplaySaysOfWhichDeadLetters) {
  EXPECT_EQ(parse({"dead-letter", "replay", "--id", "18446744073709551615"}).line->id, 18446744073709551615U);
  EXPECT_EQ(parse({"dead-letter", "replay", "--nserie", "1"}).line->nserie, "1");
  EXPECT_EQ(parse({"dead-letter", "replay", "--reason", "refused", "--limit", "7"}).line->limit, 7U);
  EXPECT_TRUE(parse({"dead-letter", "replay", "--all"}).line->all);
  for (const auto& words : {std::vector<const char*>{"dead-letter", "replay"},
                            std::vector<const char*>{"dead-letter", "replay", "--id", "0"},
                            std::vector<const char*>{"dead-letter", "replay", "--id", "1", "--all"},
                            std::vector<const char*>{"dead-letter", "replay", "--nserie", "1", "--reason", "x"}}) {
    EXPECT_EQ(parse(words).status, kExitUsage);
  }
}

TEST(CommandLine, AJournalIsThatOfTheDaemonOrAFolder) {
  EXPECT_EQ(parse({"journal", "export"}).line->directory, "");
  EXPECT_EQ(parse({"journal", "export", "--directory", "/"}).line->directory, "/");
  EXPECT_EQ(parse({"journal", "info", "--directory", "/"}).line->directory, "/");
  EXPECT_EQ(parse({"journal", "info", "--directory", "/nonexistent"}).status, kExitUsage);
}

TEST(CommandLine, AServerIsAHostOrASocket) {
  EXPECT_EQ(parse({"schema", "apply", "--host", "db", "--order-audit"}).line->host, "db");
  EXPECT_TRUE(parse({"schema", "apply", "--order-audit"}).line->order_audit);
  EXPECT_EQ(parse({"schema", "apply", "--host", "db", "--socket", "/s"}).status, kExitUsage);
}

TEST(CommandLine, WhatIsUnknownIsRefused) {
  for (const auto& words :
       {std::vector<const char*>{}, std::vector<const char*>{"stauts"}, std::vector<const char*>{"schema"},
        std::vector<const char*>{"status", "--frobnicate"}, std::vector<const char*>{"downlink", "cancel", "x"},
        std::vector<const char*>{"downlink", "list", "--state", "lost"},
        std::vector<const char*>{"downlink", "list", "--limit", "0"}}) {
    const auto parsed = parse(words);
    EXPECT_FALSE(parsed.line);
    EXPECT_EQ(parsed.status, kExitUsage);
    EXPECT_NE(parsed.error, "");
  }
}

TEST(CommandLine, HelpAndVersionAreNoErrors) {
  const auto help = parse({"--help"});
  EXPECT_EQ(help.status, kExitOk);
  EXPECT_THAT(help.out, HasSubstr("downlink"));
  const auto version = parse({"--version"});
  EXPECT_EQ(version.status, kExitOk);
  EXPECT_THAT(version.out, HasSubstr("hileractl "));
}

}  // namespace
}  // namespace hilera::ctl
