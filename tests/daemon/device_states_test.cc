#include "daemon/device_states.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "daemon/frame_batch.h"
#include "db/error.h"
#include "db/transaction.h"
#include "tests/daemon/store_fixture.h"

namespace hilera {
namespace {

using namespace std::chrono_literals;
using testing::kArrival;
using testing::StoreWorld;
using testing::TestDatabase;
using testing::TestListener;

constexpr std::size_t kRequest = 1U << 20;
constexpr std::int64_t kSecond = 1'000'000;  // of an arrival

struct World {
  explicit World(std::size_t max_devices = 100)
      : connection(database.connect()), states({.collector = "host-a", .max_devices = max_devices}, reporter) {}

  ingest::EntryRef entry(const std::string& nserie, std::int64_t arrival = kArrival, std::uint16_t port = 4000) {
    auto frame = listener.frame(arrival);
    frame.datagram.path.peer = testing::loopback("192.0.2.7", port);
    ingest::EntryRef entry = ingest::Entry::make();
    entry->datagram = frame.datagram;
    entry->decoded = frame.decoded;
    const auto serial = ingest::as_bytes(nserie);
    entry->datagram.bytes.assign(serial.begin(), serial.end());
    entry->decoded.nserie = ingest::as_text(entry->datagram.bytes);
    entry->domain = static_cast<std::uint32_t>(std::hash<std::string>()(nserie));
    return entry;
  }
  // One whose device has proved itself, under `number`.
  ingest::EntryRef proved(const std::string& nserie, std::uint64_t number) {
    ingest::EntryRef proved = entry(nserie);
    proved->decoded.prove(ingest::AuthLevel::kMac);
    proved->decoded.counter = number;
    return proved;
  }
  // A datagram of `nserie` was stored.
  void note(const std::string& nserie, std::int64_t arrival = kArrival, std::uint16_t port = 4000) {
    states.note(*entry(nserie, arrival, port), now);
  }
  void load(const std::vector<ingest::EntryRef>& batch) {
    std::vector<const ingest::Entry*> entries;
    for (const ingest::EntryRef& each : batch)
      entries.push_back(each.get());
    states.load(*connection, entries);
  }
  // A transaction of the shard. True when it had something to write.
  bool transact() {
    const std::size_t before = states.unwritten();
    db::Transaction transaction(*connection);
    states.write(*connection, request_bytes, now);
    transaction.commit();
    states.committed();
    return states.unwritten() < before;
  }
  void pass(greenrt::Duration time) { now += time; }
  [[nodiscard]] std::string serials() const {
    return database.sql("SELECT GROUP_CONCAT(nserie ORDER BY 1) FROM device");
  }

  TestDatabase database;
  TestListener listener;
  ingest::testing::RecordingReporter reporter;
  std::unique_ptr<db::Connection> connection;
  DeviceStates states;
  DeviceStates::TimePoint now = greenrt::Clock::now();
  std::size_t request_bytes = kRequest;
};

SERVER_TEST(DeviceStates, WritesWhatIsKnown) {
  World world;
  world.note("D1", kArrival);
  world.note("D1", kArrival + 2 * kSecond, 4001);
  world.pass(1s);
  EXPECT_TRUE(world.transact());
  EXPECT_EQ(world.database.sql("SELECT nserie, codec, first_seen, last_seen, peer_ip, peer_port, listener, collector, "
                               "last_epoch, last_sequence, last_arrival, auth_level FROM device"),
            "D1\ttext\t2026-02-02 02:40:00.000000\t2026-02-02 02:40:02.000000\t::ffff:192.0.2.7\t4001\ttrackers\t"
            "host-a\tNULL\tNULL\t1770000002000000\t0");
}

SERVER_TEST(DeviceStates, ANewDeviceIsWrittenAsSoonAsAFewAreGathered) {
  World world;
  EXPECT_FALSE(world.states.next_write());
  world.note("D1");
  EXPECT_FALSE(world.states.is_due(world.now));
  EXPECT_EQ(world.states.next_write(), world.now + DeviceStates::kGatherFor);
  EXPECT_FALSE(world.transact());
  world.pass(500ms);
  world.note("D2");
  world.pass(500ms);
  EXPECT_TRUE(world.transact());
  EXPECT_EQ(world.serials(), "D1,D2");
  EXPECT_FALSE(world.states.next_write());
}

SERVER_TEST(DeviceStates, AChangeIsWrittenOnceInTenSecondsAtMost) {
  World world;
  world.note("D1", kArrival);
  world.pass(1s);
  EXPECT_TRUE(world.transact());
  std::size_t writes = 0;
  for (std::int64_t second = 1; second <= 60; ++second) {
    world.note("D1", kArrival + second * kSecond);
    world.pass(1s);
    writes += world.transact() ? 1 : 0;
  }
  EXPECT_GE(writes, 5u);
  EXPECT_LE(writes, 6u);
}

SERVER_TEST(DeviceStates, ANewDeviceDoesNotWaitBehindChanges) {
  World world;
  world.note("old", kArrival);
  world.pass(1s);
  world.transact();
  world.note("old", kArrival + kSecond);
  world.note("new", kArrival + kSecond);
  world.pass(1s);
  EXPECT_TRUE(world.transact());
  EXPECT_EQ(world.serials(), "new,old");
  EXPECT_EQ(world.states.unwritten(), 1u) << "the change of the old one";
}

SERVER_TEST(DeviceStates, AnEarlierArrivalChangesNothing) {
  World world;
  world.note("D1", kArrival + kSecond, 4001);
  world.note("D1", kArrival, 4000);
  world.pass(1s);
  world.transact();
  EXPECT_EQ(world.database.sql("SELECT last_arrival, peer_port FROM device"), "1770000001000000\t4001");
}

SERVER_TEST(DeviceStates, ARowThatKnowsMoreIsNotSetBack) {
  World world;
  world.database.sql(
      "INSERT INTO device (nserie, codec, first_seen, last_seen, peer_ip, peer_port, listener, collector, "
      "last_arrival, auth_level) VALUES ('D1', 'text', '2020-01-01', '2030-01-01', '::1', 1, 'other', "
      "'host-b', 1893456000000000, 2)");
  world.note("D1");
  world.pass(1s);
  world.transact();
  EXPECT_EQ(world.database.sql("SELECT first_seen, last_seen, peer_port, listener, collector, last_arrival, auth_level "
                               "FROM device"),
            "2020-01-01 00:00:00.000000\t2030-01-01 00:00:00.000000\t1\tother\thost-b\t1893456000000000\t2");
}

SERVER_TEST(DeviceStates, WhatIsNotCommittedIsWrittenAgain) {
  World world;
  world.note("D1");
  world.pass(1s);
  {
    db::Transaction transaction(*world.connection);
    world.states.write(*world.connection, kRequest, world.now);
    transaction.rollback();
  }
  EXPECT_EQ(world.database.rows("device"), "0");
  EXPECT_EQ(world.states.unwritten(), 1u);
  EXPECT_TRUE(world.transact());
  EXPECT_EQ(world.serials(), "D1");
}

SERVER_TEST(DeviceStates, InAHurryEverythingIsDue) {
  World world;
  world.note("D1", kArrival);
  world.pass(1s);
  world.transact();
  world.note("D1", kArrival + kSecond);
  world.note("D2", kArrival + kSecond);
  EXPECT_FALSE(world.states.is_due(world.now));
  world.states.hurry();
  EXPECT_TRUE(world.states.is_due(world.now));
  world.transact();
  EXPECT_EQ(world.states.unwritten(), 0u);
  EXPECT_EQ(world.database.sql("SELECT MAX(last_arrival) FROM device WHERE nserie = 'D1'"), "1770000001000000");
}

SERVER_TEST(DeviceStates, ForgetsWhoWasWrittenLongestAgo) {
  World world(2);
  for (const char* nserie : {"D1", "D2", "D3"}) {
    world.load({world.proved(nserie, 1)});
    world.states.note(*world.proved(nserie, 1), world.now);
    world.pass(1s);
    world.transact();
  }
  EXPECT_EQ(world.states.size(), 3u) << "until the next batch";
  world.database.sql("DELETE FROM device");
  world.load({world.proved("D3", 1), world.proved("D2", 1)});
  EXPECT_EQ(world.states.size(), 2u);
  EXPECT_EQ(world.states.rule(*world.proved("D2", 1)), DeviceStates::Ruling::kRepetition);
  EXPECT_EQ(world.states.rule(*world.proved("D3", 1)), DeviceStates::Ruling::kRepetition);
  EXPECT_EQ(world.states.rule(*world.proved("D1", 1)), DeviceStates::Ruling::kStore);
}

SERVER_TEST(DeviceStates, WithinABatchNobodyIsForgotten) {
  World world(2);
  for (const char* nserie : {"D1", "D2"}) {
    world.load({world.proved(nserie, 1)});
    world.states.note(*world.proved(nserie, 1), world.now);
    world.pass(1s);
    world.transact();
  }
  const std::vector batch{world.proved("D1", 1), world.proved("D3", 1), world.proved("D4", 1)};
  world.load(batch);
  EXPECT_EQ(world.states.rule(*batch[0]), DeviceStates::Ruling::kRepetition) << "its turn to go was now";
  world.states.note(*batch[1], world.now);
  world.states.note(*batch[2], world.now);
  world.pass(1s);
  world.transact();
  EXPECT_EQ(world.states.rule(*batch[0]), DeviceStates::Ruling::kRepetition);
  world.load({});
  EXPECT_EQ(world.states.size(), 2u);
  EXPECT_EQ(world.serials(), "D1,D2,D3,D4") << "the table forgets nobody";
}

SERVER_TEST(DeviceStates, WhenTooManyAreUnwrittenAllAreDueAtOnceUntilThereIsRoom) {
  World world(2);
  for (const char* nserie : {"D1", "D2", "D3"})
    world.note(nserie);
  world.load({});
  EXPECT_EQ(world.states.size(), 3u) << "nobody has been written yet, so nobody can go";
  EXPECT_TRUE(world.states.is_due(world.now));
  EXPECT_TRUE(world.transact());
  EXPECT_EQ(world.serials(), "D1,D2,D3");
  world.load({});
  EXPECT_EQ(world.states.size(), 2u);
  world.note("D4");
  EXPECT_FALSE(world.states.is_due(world.now)) << "there is time again";
}

SERVER_TEST(DeviceStates, ARowThatIsRefusedKeepsNobodyElseOut) {
  World world;
  world.database.trigger("device",
                         "IF NEW.nserie = 'D2' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not D2'; END IF");
  for (const char* nserie : {"D1", "D2", "D3", "D4"})
    world.note(nserie);
  world.pass(1s);
  EXPECT_TRUE(world.transact());
  EXPECT_EQ(world.serials(), "D1,D3,D4");
  EXPECT_EQ(world.states.unwritten(), 0u) << "D2 is tried again when it changes";
  EXPECT_EQ(world.states.refused(), 1u);
  ASSERT_EQ(world.reporter.lines.size(), 1u);
  EXPECT_NE(world.reporter.lines[0].find("not D2"), std::string::npos);
}

SERVER_TEST(DeviceStates, ATableThatCannotBeWrittenHoldsUpNothingElse) {
  World world;
  world.database.sql("RENAME TABLE device TO elsewhere");
  world.note("D1");
  world.pass(1s);
  {
    db::Transaction transaction(*world.connection);
    world.connection->execute(
        "INSERT INTO dead_letter (arrival, reason, listener, collector, codec, nserie, frame_id, "
        "digest, auth_level) VALUES (1, 'x', 'x', 'x', 'x', 'x', 1, 'x', 0)");
    world.states.write(*world.connection, kRequest, world.now);
    transaction.commit();
    world.states.committed();
  }
  EXPECT_EQ(world.database.rows("dead_letter"), "1") << "the rest of the transaction";
  EXPECT_EQ(world.states.unwritten(), 1u);
  EXPECT_FALSE(world.states.is_due(world.now));
  world.database.sql("RENAME TABLE elsewhere TO device");
  world.pass(DeviceStates::kWriteEvery + DeviceStates::kGatherFor);
  EXPECT_TRUE(world.transact());
  EXPECT_EQ(world.serials(), "D1");
}

SERVER_TEST(DeviceStates, ATableThatTakesNothingCostsNoMoreThanTwiceTheMemory) {
  World world(2);
  world.database.sql("RENAME TABLE device TO elsewhere");
  world.note("D0");
  world.pass(1s);
  world.transact();
  EXPECT_TRUE(world.states.in_trouble());
  for (int number = 1; number < 100; ++number) {
    world.note("D" + std::to_string(number));
    world.load({});
    EXPECT_LE(world.states.size(), 4u);
  }
  EXPECT_EQ(world.states.refused(), 96u);
  world.database.sql("RENAME TABLE elsewhere TO device");
  world.pass(DeviceStates::kWriteEvery + DeviceStates::kGatherFor);
  EXPECT_TRUE(world.transact());
  EXPECT_EQ(world.serials(), "D0,D97,D98,D99") << "what was tried already, and what was heard last";
}

SERVER_TEST(DeviceStates, RowsThatSomebodyLocksHoldUpNoRecord) {
  StoreWorld world([](db::ConnectOptions& options) { options.lock_wait_timeout = 1s; });
  world.put(world.listener.frame().with(1));
  world.database.wait_for("SELECT COUNT(*) FROM device", "1");
  const auto rival = world.database.connect();
  rival->execute("START TRANSACTION");
  rival->execute("UPDATE device SET peer_port = 1");
  for (std::uint64_t id = 2; id < 5; ++id)
    world.put(world.listener.frame(kArrival + static_cast<std::int64_t>(id) * kSecond).with(id));
  EXPECT_EQ(world.database.rows(), "4");
  rival->execute("ROLLBACK");
}

SERVER_TEST(DeviceStates, AStatementFitsTheServersLimit) {
  World world;
  for (int i = 0; i < 100; ++i)
    world.note("device " + std::to_string(i));
  world.request_bytes = 4'000;
  world.pass(1s);
  EXPECT_TRUE(world.transact());
  EXPECT_GT(world.states.unwritten(), 80u);
  while (world.states.unwritten() > 0)
    ASSERT_TRUE(world.transact());
  EXPECT_EQ(world.database.rows("device"), "100");
}

SERVER_TEST(DeviceStates, AfterALossEverythingIsWrittenAgain) {
  World world;
  world.note("D1");
  world.pass(1s);
  world.transact();
  world.database.sql("DELETE FROM device");
  world.states.doubt(world.now);
  world.pass(DeviceStates::kWriteEvery + DeviceStates::kGatherFor);
  EXPECT_TRUE(world.transact());
  EXPECT_EQ(world.serials(), "D1");
}

// Where its records come from, which need not be where its downlinks go: a gateway has two ports.
SERVER_TEST(DeviceStates, TheAddressIsThatOfTheLastRecords) {
  World world;
  world.note("D1", kArrival, 4000);
  world.note("D1", kArrival + kSecond, 6666);
  world.pass(1s);
  world.transact();
  EXPECT_EQ(world.database.sql("SELECT peer_port, last_arrival FROM device"), "6666\t1770000001000000");
}

SERVER_TEST(DeviceStates, AServerThatIsReadOnlyIsNotTheirFault) {
  World world;
  world.note("D1");
  world.pass(1s);
  {
    db::Transaction transaction(*world.connection);
    world.connection->execute("SET SESSION TRANSACTION READ ONLY");
    transaction.rollback();
  }
  db::Transaction transaction(*world.connection);
  EXPECT_THROW(world.states.write(*world.connection, kRequest, world.now), db::Error);
  EXPECT_EQ(world.states.unwritten(), 1u);
}

SERVER_TEST(DeviceStates, OfStoredRecordsAreWrittenByTheirShard) {
  StoreWorld world;
  world.put(world.listener.frame().with(1));
  world.database.wait_for("SELECT nserie FROM device", "D1");
}

SERVER_TEST(DeviceStates, AreAllInTheTableAfterADrain) {
  StoreWorld world;
  world.put(world.listener.frame(kArrival).with(1));
  world.database.wait_for("SELECT COUNT(*) FROM device", "1");
  world.put(world.listener.frame(kArrival + kSecond).with(2));
  EXPECT_TRUE(world.storage->wait_idle(10s));
  EXPECT_EQ(world.database.sql("SELECT last_arrival FROM device"), std::to_string(kArrival + kSecond));
}

}  // namespace
}  // namespace hilera
