#include "daemon/ctl/views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace hilera::ctl {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

json good_status() {
  return {
      {"version", "0.1.0"},
      {"collector", "host-a"},
      {"uptime_seconds", 3725.9},
      {"ready", true},
      {"problems", json::array()},
      {"ledger",
       {{"intake",
         {{"received", 10}, {"accepted", 5}, {"control", 2}, {"rejected", 1}, {"dropped", 1}, {"in_flight", 1}}},
        {"store",
         {{"found_at_start", 0},
          {"accepted", 9},
          {"stored", 8},
          {"duplicate", 1},
          {"dead_lettered", 0},
          {"quarantined", 0},
          {"pending", 0}}},
        {"balanced", true}}},
      {"dropped", {{"too_many", 1}}},
      {"listeners",
       {{{"name", "native"},
         {"codec", "native"},
         {"address", "127.0.0.1:5600"},
         {"received", 10},
         {"accepted", 5},
         {"control", 2},
         {"rejected", {{"bad_magic", 1}}},
         {"dropped", 1},
         {"kernel_drops", 0},
         {"acks_sent", 5}}}},
      {"database",
       {{"healthy", true},
        {"problem", ""},
        {"connections", {{"idle", 7}, {"leased", 1}, {"connecting", 0}, {"waiting", 0}}},
        {"errors", json::object()}}},
      {"journal", {{"bytes", 4096}, {"segments", 1}, {"oldest_seconds", 2.5}, {"commits", 7}, {"io_errors", 0}}},
      {"store", {{"shards", 4}, {"lagging", 0}}},
      {"devices_known", 3},
      {"downlink", {{"sent", 1}, {"delivered", 0}, {"failed", 0}, {"expired", 0}}},
      {"greenlets", 12},
  };
}

TEST(StatusView, SaysFirstWhetherAllIsWell) {
  EXPECT_TRUE(all_is_well(good_status()));
  EXPECT_EQ(view_status(good_status()),
            "hilerad 0.1.0 on host-a, up 1 h 2 min: all is well\n"
            "\n"
            "  listener  codec   address         received  accepted  control  rejected  dropped  kernel drops  acks\n"
            "  native    native  127.0.0.1:5600  10        5         2        1         1        0             5\n"
            "  native rejected: 1 bad_magic\n"
            "\n"
            "  datagrams  received 10 = accepted 5 + control 2 + rejected 1 + dropped 1 + in_flight 1\n"
            "  records    found_at_start 0 + accepted 9 = stored 8 + duplicate 1 + dead_lettered 0 + quarantined 0 + "
            "pending 0\n"
            "  dropped    1 too_many\n"
            "  database   answers; connections: 7 idle, 1 in use, 0 being made; 0 greenlets wait for one\n"
            "  journal    4096 bytes in 1 files, 0 of 4 shards read back from it\n"
            "  downlink   1 sent, 0 delivered, 0 failed, 0 expired\n"
            "  memory     3 devices known, 12 greenlets\n");
}

TEST(StatusView, NamesEveryProblem) {
  json status = good_status();
  status["ready"] = false;
  status["problems"] = {"database: Connection refused", "the sockets are not read"};
  status["database"]["healthy"] = false;
  status["database"]["errors"] = {{"reconnect", 3}};
  EXPECT_FALSE(all_is_well(status));
  EXPECT_THAT(view_status(status),
              AllOf(HasSubstr(": NOT ALL IS WELL\n"), HasSubstr("  PROBLEM: database: Connection refused\n"),
                    HasSubstr("  PROBLEM: the sockets are not read\n"), HasSubstr("  database   DOES NOT SERVE"),
                    HasSubstr("errors so far: 3 reconnect\n")));
}

TEST(StatusView, SaysWhatToDoAboutEachThing) {
  json status = good_status();
  status["findings"] = {
      {{"severity", "notice"}, {"what", "1 datagrams were dropped: too_many"}, {"advice", "Raise\nit."}},
      {{"severity", "problem"}, {"what", "the last reload was refused: x.yaml:3"}, {"advice", "Mend the file."}}};
  EXPECT_THAT(view_status(status), HasSubstr("\n  PROBLEM: the last reload was refused: x.yaml:3\n"
                                             "           Mend the file.\n"
                                             "  worth a look: 1 datagrams were dropped: too_many\n"
                                             "                Raise\\nit.\n"
                                             "\n"));
  EXPECT_TRUE(all_is_well(status)) << "by the problems alone";
}

TEST(StatusView, AProblemThatDoesNotKeepItFromBeingReadyIsOne) {
  json status = good_status();
  status["problems"] = {"database: Connection refused"};
  EXPECT_FALSE(all_is_well(status));
}

TEST(StatusView, SaysThatThereIsNoDatabase) {
  json status = good_status();
  status.erase("database");
  status.erase("downlink");
  EXPECT_TRUE(all_is_well(status));
  EXPECT_THAT(view_status(status), HasSubstr("  database   none: records stay in the journal\n"));
  EXPECT_THAT(view_status(status), Not(HasSubstr("downlink")));
  EXPECT_THAT(view_status(status), HasSubstr("  journal    4096 bytes in 1 files\n"));
}

TEST(JournalView, SaysWhatIsInIt) {
  EXPECT_EQ(view_journal(good_status()),
            "4096 bytes in 1 files, 7 commits, 0 I/O errors\n"
            "0 records wait for the database, the oldest for 2 s; 0 of 4 shards read them back\n");
  json status = good_status();
  status["journal"]["oldest_seconds"] = 7'230.5;
  EXPECT_THAT(view_journal(status), HasSubstr("the oldest for 2 h 0 min;"));
  status["journal"]["problem"] = "the disk is full";
  EXPECT_THAT(view_journal(status), HasSubstr("PROBLEM: the disk is full\n"));
}

TEST(JournalView, WithoutADatabaseNothingWaitsForOne) {
  json status = good_status();
  status.erase("database");
  EXPECT_THAT(view_journal(status), HasSubstr("\n0 records stay in it, the oldest for 2 s: there is no database\n"));
}

TEST(StoppedJournalView, SaysWhatIsInIt) {
  const json answer{{"journal",
                     {{"bytes", 4096},
                      {"segments", 2},
                      {"damaged_segments", 1},
                      {"last_place", 10},
                      {"position", 7},
                      {"pending", 4},
                      {"oldest_seconds", 2.5}}}};
  EXPECT_EQ(view_stopped_journal(answer),
            "4096 bytes in 2 files, 1 of them damaged\n"
            "4 records wait for the database, the oldest for 2 s\n"
            "the last place is 10; the database has everything up to 7\n");
}

TEST(StatusView, ALedgerThatDoesNotBalanceIsAProblem) {
  json status = good_status();
  status["ledger"]["balanced"] = false;
  EXPECT_FALSE(all_is_well(status));
  EXPECT_THAT(view_status(status), HasSubstr("PROBLEM: the ledger does not balance"));
}

TEST(StatusView, AListenerThatIsNoMoreIsMarked) {
  json status = good_status();
  EXPECT_THAT(view_status(status), Not(HasSubstr("closed")));
  status["listeners"][0]["open"] = false;
  EXPECT_THAT(view_status(status), HasSubstr("native (closed)"));
}

TEST(StatusView, ADocumentOfAnotherShapeIsShownAsFarAsItGoes) {
  for (const json& document : {json(), json::array(), json::object(), json{{"listeners", 5}, {"ledger", "x"}},
                               json{{"listeners", {1, {{"rejected", {{"a", "b"}}}}}}, {"problems", "x"}}}) {
    EXPECT_FALSE(all_is_well(document));
    EXPECT_THAT(view_status(document), StartsWith("hilerad - on -, up -: NOT ALL IS WELL\n"));
  }
}

TEST(StatusView, NothingReachesTheTerminalUnescaped) {
  json status = good_status();
  status["collector"] = "\x1b[2J";
  status["problems"] = {"a\nb"};
  status["dropped"] = {{"\x07", 1}};
  const std::string view = view_status(status);
  EXPECT_THAT(view, AllOf(HasSubstr("\\x1b[2J"), HasSubstr("a\\nb"), HasSubstr("1 \\x07")));
  EXPECT_TRUE(std::none_of(view.begin(), view.end(), [](char c) { return c != '\n' && c < ' '; }));
}

TEST(StatusView, UptimeHasTwoUnits) {
  const auto uptime = [](double seconds) {
    json status = good_status();
    status["uptime_seconds"] = seconds;
    const std::string view = view_status(status);
    const auto start = view.find("up ") + 3;
    return view.substr(start, view.find(": all") - start);
  };
  EXPECT_EQ(uptime(0.4), "0 s");
  EXPECT_EQ(uptime(61), "1 min 1 s");
  EXPECT_EQ(uptime(47 * 3600.0), "47 h 0 min");
  EXPECT_EQ(uptime(50 * 3600.0), "2 days 2 h");
}

TEST(DownlinkView, IsATable) {
  const json answer{{"downlinks",
                     {{{"id", 7},
                       {"nserie", "123"},
                       {"state", "failed"},
                       {"created_at", "2026-11-22 10:00:00"},
                       {"attempts", 3},
                       {"sent_at", ""},
                       {"last_error", "outcome\nunknown"},
                       {"payload_size", 2}}}}};
  EXPECT_EQ(view_downlinks(answer),
            "id  nserie  state   created              attempts  sent  bytes  last error\n"
            "7   123     failed  2026-11-22 10:00:00  3               2      outcome\\nunknown\n");
}

TEST(DownlinkView, SaysWhenThereIsNone) {
  EXPECT_EQ(view_downlinks({{"downlinks", json::array()}}), "There is none.\n");
  EXPECT_EQ(view_downlinks(json()), "There is none.\n");
}

TEST(DeadLetterView, IsATable) {
  const json answer{{"dead_letters",
                     {{{"id", 7},
                       {"dead_at", "2026-11-22 10:00:00.5"},
                       {"nserie", "123"},
                       {"codec", "native"},
                       {"reason", "refused"},
                       {"error", "not\x1bthis"},
                       {"arrival", 1770000000000000},
                       {"replayed_at", nullptr},
                       {"raw_size", 40},
                       {"obstacle", "conflict"}}}}};
  EXPECT_EQ(view_dead_letters(answer),
            "id  dead since             nserie  codec   arrival           reason   replayed  bytes  in the way  error\n"
            "7   2026-11-22 10:00:00.5  123     native  1770000000000000  refused  -         40     conflict    "
            "not\\x1bthis\n");
  EXPECT_EQ(view_dead_letters({{"dead_letters", json::array()}}), "There is none.\n");
  EXPECT_EQ(view_dead_letters(json()), "There is none.\n");
}

TEST(ReplayView, HasALineForEachLetter) {
  const json letters{{{"id", 7}, {"nserie", "123"}, {"outcome", "replayed"}, {"detail", ""}},
                     {{"id", 8}, {"nserie", nullptr}, {"outcome", "refused"}, {"detail", "no\nroom"}}};
  EXPECT_EQ(view_replays(letters), "7 123: replayed\n8 -: refused (no\\nroom)\n");
  EXPECT_EQ(view_counts({{"replayed", 2}, {"conflict", 1}}), "1 conflict, 2 replayed");
}

}  // namespace
}  // namespace hilera::ctl
