// What devices say of downlinks reaches the table: in order, later when it has to wait, and nobody holds up the others.

#include "daemon/downlink_outcomes.h"

#include <string>

#include "tests/daemon/store_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using ingest::DownlinkAnswer;
using std::chrono::seconds;

struct World {
  World() { outcomes.start(); }

  // A row that was sent to `nserie`; its number.
  std::uint64_t sent(const std::string& nserie) {
    const auto id = table.add({.nserie = nserie, .payload = {std::byte{1}}});
    const ingest::Downlink downlink{.id = id, .nserie = nserie};
    EXPECT_TRUE(table.begin_attempt(downlink, {}));
    table.mark_sent(downlink, true);
    return id;
  }
  void answer(const std::string& nserie, std::uint64_t id) {
    outcomes.note(nserie, {.id = id, .id_bits = ~std::uint64_t{0}});
  }
  [[nodiscard]] std::string states() const {
    return database.sql("SELECT GROUP_CONCAT(state ORDER BY id) FROM downlink");
  }

  TestDatabase database;
  TestPool pool{database.options(), 4};
  RecordingReporter reporter;
  DownlinkTable table{"host-a", *pool, seconds(30)};
  DownlinkOutcomes outcomes{table, reporter};
};

SERVER_TEST(DownlinkOutcomes, AreWrittenBeforeTheEnd) {
  World world;
  for (const char* nserie : {"D1", "D2", "D3"})
    world.answer(nserie, world.sent(nserie));
  world.outcomes.stop(greenrt::Deadline::never());
  EXPECT_EQ(world.states(), "delivered,delivered,delivered");
  EXPECT_EQ(world.outcomes.counters().delivered, 3u);
}

SERVER_TEST(DownlinkOutcomes, OneThatTheDatabaseRefusesHoldsUpNobody) {
  World world;
  const auto cursed = world.sent("cursed");
  const auto other = world.sent("D1");
  world.database.sql(
      "CREATE TRIGGER refuse BEFORE UPDATE ON downlink FOR EACH ROW IF NEW.nserie = 'cursed' THEN "
      "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF");
  world.answer("cursed", cursed);
  world.answer("D1", other);
  world.outcomes.stop(greenrt::Deadline::never());
  EXPECT_EQ(world.states(), "sent,delivered");
  EXPECT_EQ(world.outcomes.counters().given_up, 1u);
  EXPECT_THAT(world.reporter.lines, ::testing::ElementsAre(::testing::StartsWith("downlink_answer_given_up cursed")));
}

SERVER_TEST(DownlinkOutcomes, WaitForATableThatIsAway) {
  World world;
  const auto id = world.sent("D1");
  world.database.sql("RENAME TABLE downlink TO elsewhere");
  world.answer("D1", id);
  EXPECT_TRUE(ingest::testing::eventually([&] { return !world.reporter.lines.empty(); }));
  EXPECT_EQ(world.outcomes.waiting(), 1u);
  world.database.sql("RENAME TABLE elsewhere TO downlink");
  world.outcomes.stop(greenrt::Deadline::never());
  EXPECT_EQ(world.states(), "delivered");
}

SERVER_TEST(DownlinkOutcomes, ARowDoesNotEndForWantOfAnAnswerThatWaits) {
  World world;
  world.table.set_answers_wait([&] { return world.outcomes.waiting() > 0; });
  const auto id = world.sent("D1");
  world.database.sql("UPDATE downlink SET repeatable = 0, retry_at = NOW(6) - INTERVAL 1 SECOND");
  world.database.sql("RENAME TABLE downlink TO elsewhere");
  world.outcomes.note("D1", {.id = 0, .id_bits = 0});
  EXPECT_TRUE(ingest::testing::eventually([&] { return !world.reporter.lines.empty(); }));
  world.database.sql("RENAME TABLE elsewhere TO downlink");
  world.table.due(1);
  world.outcomes.stop(greenrt::Deadline::never());
  EXPECT_EQ(world.database.sql("SELECT state FROM downlink WHERE id = " + std::to_string(id)), "delivered");
}

SERVER_TEST(DownlinkOutcomes, WhatIsLeftAtTheEndIsCountedAndSaid) {
  World world;
  const auto id = world.sent("D1");
  world.database.sql("RENAME TABLE downlink TO elsewhere");
  world.answer("D1", id);
  world.outcomes.stop(seconds(0));
  EXPECT_EQ(world.outcomes.counters().given_up, 1u);
  EXPECT_THAT(world.reporter.lines, ::testing::Contains(::testing::StartsWith("downlink_answer_given_up 1 answers")));
}

SERVER_TEST(DownlinkOutcomes, TheOldestGoesWhenTooManyWait) {
  World world;
  world.database.sql("RENAME TABLE downlink TO elsewhere");
  for (std::size_t i = 0; i <= DownlinkOutcomes::kMostWaiting; ++i)
    world.answer("D1", i);
  EXPECT_EQ(world.outcomes.waiting(), DownlinkOutcomes::kMostWaiting);
  EXPECT_EQ(world.outcomes.counters().given_up, 1u);
}

}  // namespace
}  // namespace hilera
