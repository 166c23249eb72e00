// Records are not written to tables of another version, and are as soon as these are right.

#include "daemon/database_monitor.h"
#include "daemon/dead_letter_table.h"
#include "daemon/downlink_table.h"
#include "tests/daemon/store_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using greenrt::spawn;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct GatedWorld : StoreWorld {
  GatedWorld() { put_gate(gate); }

  // Begins again with a gate in front.
  void put_gate(StoreGate& in_front) {
    storage.reset();
    storage.emplace(options(), &*pool, reporter, &in_front);
    storage->know(listener.origin());
    storage->start();
  }
  void wait_for_problem(const std::string& problem) const {
    while (storage->store_problem().find(problem) == std::string::npos)
      greenrt::testing::let_poll();
  }

  StoreGate gate;
};

SERVER_TEST(StorageGate, NothingIsWrittenWhileItIsClosed) {
  GatedWorld world;
  const auto frame = world.listener.frame().with(1);
  const auto entry = world.take(frame);
  EXPECT_FALSE(entry->wait_stored(milliseconds(20)).has_value());
  EXPECT_EQ(world.pool->stats().connects, 0u);
  EXPECT_EQ(world.storage->store_problem(), "") << "nobody has looked yet";
  world.gate.close("the tables are blue");
  world.wait_for_problem("the tables are blue");
  EXPECT_EQ(world.database.rows(), "0");

  world.gate.open();
  EXPECT_EQ(entry->wait_stored(greenrt::Deadline::never()).value().stored, 1u);
  EXPECT_EQ(world.storage->store_problem(), "");
}

SERVER_TEST(StorageGate, TheDrainDoesNotWaitForIt) {
  GatedWorld world;
  world.gate.close("the tables are blue");
  const auto frame = world.listener.frame().with(1);
  world.take(frame);
  EXPECT_FALSE(world.storage->wait_idle(greenrt::Deadline::never()));
  world.storage->stop();
  EXPECT_EQ(world.storage->ledger().pending, 1u);
}

SERVER_TEST(StorageGate, IsLookedAtAgainWhenTheConnectionHasCome) {
  GatedWorld world;
  world.gate.open();
  auto first = world.pool->acquire();
  auto second = world.pool->acquire();
  const auto frame = world.listener.frame().with(1);
  const auto entry = world.take(frame);
  while (world.pool->stats().waiting == 0)
    greenrt::yield();
  world.gate.close("another server");
  first.release();
  world.wait_for_problem("another server");
  EXPECT_EQ(world.database.rows(), "0");
  world.gate.open();
  EXPECT_EQ(entry->wait_stored(greenrt::Deadline::never()).value().stored, 1u);
}

SERVER_TEST(StorageGate, KeepsRecordsOutOfTablesOfANewerVersion) {
  StoreWorld world;
  world.database.sql("INSERT INTO schema_version (version, name) VALUES (999, 'from the future')");
  DatabaseMonitor monitor(world.database.options(), {.look_every = milliseconds(20), .first_pause = milliseconds(5)});
  world.storage.reset();
  world.storage.emplace(world.options(), &*world.pool, world.reporter, &monitor.gate());
  world.storage->know(world.listener.origin());
  world.storage->start();
  const auto frame = world.listener.frame().with(1);
  const auto entry = world.take(frame);
  while (world.storage->store_problem().empty())
    greenrt::testing::let_poll();
  EXPECT_THAT(world.storage->store_problem(), HasSubstr("the tables have version 999"));
  EXPECT_EQ(world.database.rows(), "0");

  world.database.sql("DELETE FROM schema_version WHERE version = 999");
  EXPECT_EQ(entry->wait_stored(greenrt::Deadline::never()).value().stored, 1u);
  world.storage->stop();
}

SERVER_TEST(StorageGate, KeepsDownlinksAndDeadLettersWhereTheyAre) {
  StoreWorld world;
  StoreGate gate;
  gate.close("the tables are too new");
  DownlinkTable downlinks("host-a", *world.pool, std::chrono::seconds(30), &gate);
  DeadLetterTable letters(*world.pool, std::chrono::seconds(30), &gate);
  world.database.sql("INSERT INTO downlink (nserie, payload) VALUES ('D1', 'hello')");
  EXPECT_THAT(downlinks.due(10), IsEmpty());
  const auto refusal = [](auto call) { return std::string(db::testing::error_of(call).what()); };
  EXPECT_EQ(refusal([&] { downlinks.add({.nserie = "D1", .payload = {}}); }), "the tables are too new");
  EXPECT_EQ(refusal([&] { downlinks.cancel(1); }), "the tables are too new");
  EXPECT_EQ(refusal([&] { letters.replay(1); }), "the tables are too new");
  gate.open();
  EXPECT_EQ(downlinks.due(10).size(), 1u);
  EXPECT_EQ(letters.replay(1).outcome, DeadLetterOutcome::kNotFound);
  EXPECT_TRUE(downlinks.cancel(1));
}

SERVER_TEST(StorageGate, IsWaitedForWhileNobodyKnows) {
  StoreWorld world;
  StoreGate gate;
  DownlinkTable downlinks("host-a", *world.pool, std::chrono::seconds(30), &gate);
  const auto caller = greenrt::spawn([&] { EXPECT_FALSE(downlinks.cancel(1)); });
  greenrt::yield();
  EXPECT_FALSE(caller->ready());
  gate.open();
  caller->join();
}

}  // namespace
}  // namespace hilera
