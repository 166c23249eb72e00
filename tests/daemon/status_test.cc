#include "daemon/status.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "daemon/version.h"
#include "tests/daemon/daemon_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using ingest::testing::eventually;
using ingest::testing::from_hex;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

HUB_TEST(Status, NamesWhatIsWrongAndTellsItFromWhatKeepsItFromBeingReady) {
  StatusWorld world;
  EXPECT_THAT(world.status.problems(), ElementsAre("the sockets are not read", "database: not connected yet"));
  EXPECT_THAT(world.status.obstacles(), ElementsAre("the sockets are not read"));
  EXPECT_FALSE(world.status.document()["ready"].get<bool>());
  world.intake.start();
  EXPECT_TRUE(eventually([&] { return world.database->monitor().problem() != "not connected yet"; }));
  EXPECT_THAT(world.status.problems(),
              ElementsAre(AllOf(StartsWith("database: 127.0.0.1:"), HasSubstr("Can't connect"))));
  EXPECT_TRUE(world.status.document()["ready"].get<bool>()) << "datagrams can be made durable";
  EXPECT_THAT(world.status.obstacles(), IsEmpty());
}

HUB_TEST(Status, HasEveryKeyThatItPromises) {
  StatusWorld world;
  const json document = world.status.document();
  for (const char* key : {"version", "collector", "uptime_seconds", "ready", "problems", "findings", "ledger",
                          "dropped", "acks_withheld", "listeners", "latency", "journal", "store", "database",
                          "devices_known", "downlink", "greenlets", "greenlet_kinds"})
    EXPECT_TRUE(document.contains(key)) << key;
  EXPECT_EQ(document.size(), 18u);
  EXPECT_EQ(document["version"], version());
  EXPECT_EQ(document["collector"], "host-a");
  EXPECT_GE(document["uptime_seconds"], 0);
  EXPECT_TRUE(document["ledger"]["balanced"].get<bool>());
  EXPECT_EQ(document["dropped"], json::object());

  ASSERT_EQ(document["listeners"].size(), 2u);
  const json& listener = document["listeners"][1];
  for (const char* key : {"name", "codec", "address", "received", "accepted", "control", "rejected", "dropped",
                          "kernel_drops", "acks_sent", "replies_failed"})
    EXPECT_TRUE(listener.contains(key)) << key;
  EXPECT_EQ(listener["name"], "trackers");
  EXPECT_THAT(listener["address"].get<std::string>(), StartsWith("127.0.0.1:"));

  for (const char* key :
       {"bytes", "max_bytes", "segments", "oldest_seconds", "waiting", "datagrams", "commits", "io_errors", "problem"})
    EXPECT_TRUE(document["journal"].contains(key)) << key;
  for (const char* key : {"shards", "lagging", "queued", "retries", "in_doubt", "confirmed", "restored",
                          "doubts_abandoned", "devices_refused", "letters_cut", "problem"})
    EXPECT_TRUE(document["store"].contains(key)) << key;

  const json& database = document["database"];
  for (const char* key :
       {"healthy", "problem", "host", "failovers", "losses", "connections", "errors", "dead_letter_replays"})
    EXPECT_TRUE(database.contains(key)) << key;
  for (const char* key : {"idle", "leased", "connecting", "waiting"})
    EXPECT_EQ(database["connections"][key], 0) << key;
  for (const char* key : {"queued", "sent", "delivered", "expired", "failed", "cancelled"})
    EXPECT_EQ(document["downlink"][key], 0) << key;
}

HUB_TEST(Status, HasLatenciesAsHistogramsAndTheCostOfEachKindOfGreenlet) {
  StatusWorld world;
  const json document = world.status.document();
  for (const char* name : {"ack", "store", "hub_lag"}) {
    const json& histogram = document["latency"][name];
    EXPECT_EQ(histogram["counts"].size(), histogram["bounds"].size() + 1) << name;
    EXPECT_GE(histogram["sum"], 0) << name;
  }
  static_cast<void>(greenrt::Hub::current().kind("frame"));
  const json kinds = world.status.document()["greenlet_kinds"];
  const auto frame = std::find_if(kinds.begin(), kinds.end(), [](const json& kind) { return kind["kind"] == "frame"; });
  ASSERT_NE(frame, kinds.end());
  for (const char* key : {"samples", "slice_seconds", "delay_seconds", "longest_slice_seconds", "stack_bytes"})
    EXPECT_TRUE(frame->contains(key)) << key;
}

HUB_TEST(Status, EachFindingHasAnAdvice) {
  StatusWorld world;
  const json findings = world.status.document()["findings"];
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0]["what"], "the sockets are not read");
  EXPECT_EQ(findings[1]["what"], "database: not connected yet");
  EXPECT_EQ(findings[1]["advice"], advice_for(DatabaseTrouble::kAway));
  for (const json& finding : findings) {
    EXPECT_EQ(finding["severity"], "problem");
    EXPECT_THAT(finding["advice"].get<std::string>(), Not(IsEmpty()));
  }
}

HUB_TEST(Status, WhatWasDroppedIsWorthALookAndNoProblem) {
  StatusWorld world;
  const ingest::testing::DeviceSocket device;
  auto& trackers = *world.intake.listeners()[1];
  world.intake.start();
  greenrt::testing::settle();
  world.intake.stop_receiving(std::chrono::seconds(1));
  device.send(IntakeWorld::record(), trackers.socket().local_address());
  world.intake.turn_away(std::chrono::seconds(1));
  const json document = world.status.document();
  EXPECT_EQ(document["listeners"][0]["dropped"], 0);
  EXPECT_EQ(document["listeners"][1]["dropped"], 1);
  const json& last = document["findings"].back();
  EXPECT_EQ(last["severity"], "notice");
  EXPECT_EQ(last["what"], "1 datagrams were dropped: shutdown");
  EXPECT_EQ(last["advice"], advice_for(ingest::DropReason::kShutdown));
  EXPECT_THAT(document["problems"].dump(), Not(HasSubstr("dropped")));
}

HUB_TEST(Status, ASocketThatFitsNoListenerIsAProblem) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  const auto address = ingest::testing::loopback();
  ASSERT_EQ(::bind(fd, address.raw(), address.size()), 0);
  HandedSockets sockets(fd, {"gone"});
  sockets.assign(test_config().listeners);
  StatusWorld world(no_database(), std::move(sockets));
  EXPECT_THAT(world.status.problems(), Contains(HasSubstr("the socket \"gone\" at 127.0.0.1:")));
  EXPECT_THAT(world.status.document()["findings"].dump(), HasSubstr("take it out of the socket unit"));
  Metrics metrics;
  world.status.declare_metrics(metrics);
  EXPECT_THAT(metrics.text(), HasSubstr("\nhilera_sockets_unread 1"));
}

HUB_TEST(Status, CountsWithReasons) {
  StatusWorld world;
  const ingest::testing::DeviceSocket device;
  auto& trackers = *world.intake.listeners()[1];
  device.send(from_hex("00"), trackers.socket().local_address());
  world.intake.start();
  EXPECT_TRUE(eventually([&] { return trackers.counters().rejected.total() == 1; }));
  const json listener = world.status.document()["listeners"][1];
  EXPECT_EQ(listener["received"], 1);
  ASSERT_EQ(listener["rejected"].size(), 1u);
  EXPECT_EQ(listener["rejected"].begin().value(), 1);
}

HUB_TEST(Status, CountsTheErrorsOfTheDatabaseByClass) {
  StatusWorld world;
  EXPECT_THROW(world.database->pool().acquire(std::chrono::milliseconds(50)), db::PoolTimeout);
  EXPECT_GE(world.status.document()["database"]["errors"]["reconnect"], 1);
}

HUB_TEST(Status, CountsTheErrorsOfTheWatchOverTheDatabaseToo) {
  StatusWorld world;
  EXPECT_TRUE(eventually([&] { return world.database->errors()[db::ErrorClass::kReconnect] > 0; }))
      << "though nobody asked for a connection";
}

HUB_TEST(Status, DeclaresTheMetricsThatWePromise) {
  StatusWorld world;
  Metrics metrics;
  world.status.declare_metrics(metrics);
  const std::string text = metrics.text();
  for (const char* series : {"hilera_datagrams_received_total{listener=\"field\"} 0",
                             "hilera_datagrams_accepted_total{listener=\"field\"} 0",
                             "hilera_datagrams_control_total{listener=\"trackers\"} 0",
                             "hilera_datagrams_rejected_total{listener=\"trackers\",reason=\"oversize\"} 0",
                             "hilera_datagrams_dropped_total{reason=\"in_flight_limit\"} 0",
                             "hilera_datagrams_dropped_total{reason=\"shutdown\"} 0",
                             "hilera_datagrams_in_flight 0",
                             "hilera_records_accepted_total 0",
                             "hilera_records_stored_total 0",
                             "hilera_records_duplicate_total 0",
                             "hilera_records_dead_lettered_total 0",
                             "hilera_records_quarantined_total 0",
                             "hilera_records_pending 0",
                             "hilera_kernel_drops_total{listener=\"field\"} 0",
                             "hilera_sockets_unread 0",
                             "hilera_listener_open{listener=\"field\"} 1",
                             "hilera_acks_sent_total{listener=\"field\"} 0",
                             "hilera_ack_seconds_count 0",
                             "hilera_store_seconds_count 0",
                             "hilera_store_retries_total 0",
                             "hilera_records_found_at_start 0",
                             "hilera_batch_rows_count 0",
                             "hilera_shards_lagging 0",
                             "hilera_shards_in_doubt 0",
                             "hilera_records_confirmed_total 0",
                             "hilera_records_restored_total 0",
                             "hilera_doubts_abandoned_total 0",
                             "hilera_device_states_refused_total 0",
                             "hilera_dead_letters_cut_total 0",
                             "hilera_db_failovers_total 0",
                             "hilera_db_losses_total 0",
                             "hilera_store_queued 0",
                             "hilera_acks_withheld_total 0",
                             "hilera_journal_bytes ",
                             "hilera_journal_segments ",
                             "hilera_journal_oldest_seconds 0",
                             "hilera_journal_datagrams_total 0",
                             "hilera_journal_commits_total ",
                             "hilera_journal_io_errors_total 0",
                             "hilera_journal_up 1",
                             "hilera_journal_commit_datagrams_count ",
                             "hilera_journal_commit_seconds_count ",
                             "hilera_db_up 0",
                             "hilera_db_connections{state=\"idle\"} 0",
                             "hilera_db_errors_total{class=\"poison_row\"} 0",
                             "hilera_downlink_total{state=\"sent\"} 0",
                             "hilera_downlink_source_errors_total 0",
                             "hilera_devices_known 0",
                             "hilera_hub_lag_seconds_count",
                             "hilera_greenlets ",
                             "hilera_stack_high_water_bytes ",
                             "hilera_log_lost_lines_total 0",
                             "hilera_build_info{version="})
    EXPECT_THAT(text, HasSubstr(std::string("\n") + series));
}

}  // namespace
}  // namespace hilera
