#include "daemon/ctl/top_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "daemon/ctl/rates.h"

namespace hilera::ctl {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

json status(int uptime, int received) {
  return {{"version", "1.2.3"},
          {"collector", "host-a"},
          {"uptime_seconds", uptime},
          {"ready", true},
          {"problems", json::array()},
          {"findings", json::array()},
          {"ledger",
           {{"intake",
             {{"received", received},
              {"accepted", received},
              {"control", 0},
              {"rejected", 0},
              {"dropped", 0},
              {"in_flight", 3}}},
            {"store", {{"accepted", received}, {"stored", received - 7}, {"pending", 7}}},
            {"balanced", true}}},
          {"listeners", {{{"name", "native"}, {"codec", "native"}, {"received", received}, {"kernel_drops", 0}}}},
          {"latency", {{"ack", {{"bounds", {0.001, 0.01}}, {"counts", {received, 0, 0}}}}}},
          {"journal", {{"bytes", 3 << 20}, {"max_bytes", 1 << 30}, {"segments", 2}, {"oldest_seconds", 90}}},
          {"store", {{"shards", 4}, {"lagging", 1}}},
          {"database", {{"healthy", true}, {"connections", {{"idle", 5}, {"leased", 3}}}}},
          {"downlink", {{"queued", 1}, {"sent", 2}, {"delivered", 3}}},
          {"greenlet_kinds",
           {{{"kind", "frame"}, {"samples", 4}, {"slice_seconds", 0.00002}, {"longest_slice_seconds", 0.0021}},
            {{"kind", "shard"}, {"samples", 0}, {"longest_slice_seconds", 0.9}}}}};
}

Look look() {
  const json later = status(12, 3100);
  return {.status = later, .rates = rates_between(status(10, 100), later)};
}

Look away() {
  return {.trouble = "/run/control: Connection\nrefused"};
}

TEST(TopScreen, ShowsWhatGoesOn) {
  const std::string screen = top_screen(look(), 1s);
  EXPECT_THAT(screen, AllOf(StartsWith("hilerad 1.2.3 on host-a, up 12 s: all is well\n"), HasSubstr(" 1500 "),
                            HasSubstr("acknowledgement 500 us (99 %: 990 us)"), HasSubstr("commit - (99 %: -)"),
                            HasSubstr("3.0 MiB of 1.0 GiB in 2 files"), HasSubstr("1 of 4 shards are behind"),
                            HasSubstr("1 queued, 2 sent, 3 delivered"), HasSubstr("every 1 s; q ends\n")));
  EXPECT_LT(screen.find("shard  "), screen.find("frame  ")) << "the slowest first";
  EXPECT_THAT(screen, HasSubstr("frame      2.10 ms      5.00 us"));
}

TEST(TopScreen, SaysWhatIsWrongAndWhatToDo) {
  Look wrong = look();
  wrong.status["problems"] = {"database: gone"};
  wrong.status["findings"] = {{{"severity", "problem"}, {"what", "database: gone"}, {"advice", "Start it."}}};
  EXPECT_THAT(top_screen(wrong, 1s), AllOf(HasSubstr("NOT ALL IS WELL"), HasSubstr("  PROBLEM: database: gone\n"),
                                           HasSubstr("           Start it.\n")));
}

TEST(TopScreen, SaysThatHileradDoesNotAnswer) {
  EXPECT_THAT(top_screen(away(), 2s), AllOf(StartsWith("hilerad does not answer\n"), HasSubstr("Connection\\nrefused"),
                                            HasSubstr("every 2 s; q ends\n")));
}

TEST(TopScreen, ShowsADocumentOfAnotherShapeAsFarAsItGoes) {
  for (const json& odd : {json(), json::array(), json{{"listeners", {1, {{"name", 5}}}}, {"greenlet_kinds", {1, "x"}}},
                          json{{"findings", {5, "x"}}, {"ledger", 1}, {"latency", {{"ack", 5}}}}}) {
    const Look shown{.status = odd, .rates = rates_between(odd, odd)};
    EXPECT_THAT(top_screen(shown, 1s), StartsWith("hilerad - on -, up -: NOT ALL IS WELL\n"));
    const std::string line = top_line(shown);
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  }
}

TEST(TopLine, HasTheColumnsOfItsHeading) {
  const std::string heading = top_heading();
  const std::string line = top_line(look());
  EXPECT_EQ(line.find("1500") + 4, heading.find("received/s") + 10);
  EXPECT_EQ(line.find("all is well"), heading.find("state"));
  EXPECT_THAT(line, AllOf(HasSubstr(" 500 us "), HasSubstr(" 990 us ")));
  EXPECT_THAT(top_line(away()), HasSubstr("-  /run/control: Connection\\nrefused\n"));
}

TEST(TopDocument, HasTheRatesAndTheState) {
  const json document = top_document(look());
  EXPECT_EQ(document["answers"], true);
  EXPECT_EQ(document["well"], true);
  EXPECT_EQ(document["pending"], 7);
  EXPECT_EQ(document["rates"]["received"], 1500);
  EXPECT_EQ(top_document(away()), (json{{"answers", false}, {"error", "/run/control: Connection\nrefused"}}));
}

TEST(ShowSeconds, HasThreeDigits) {
  EXPECT_EQ(show_seconds(0.0000345), "34.5 us");
  EXPECT_EQ(show_seconds(0.00331), "3.31 ms");
  EXPECT_EQ(show_seconds(0.138), "138 ms");
  EXPECT_EQ(show_seconds(2.5), "2.50 s");
  EXPECT_EQ(show_seconds(0), "0");
  EXPECT_EQ(show_seconds(json()), "-");
}

}  // namespace
}  // namespace hilera::ctl
