// What the store does when a database server among several may have lost what it had committed: it looks again, and
// stores again what is gone.

#include <array>
#include <chrono>
#include <deque>

#include "tests/daemon/store_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using greenrt::spawn;
using std::chrono::hours;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// One server by two addresses, over TCP and by its socket, stands for a cluster of two.
void twice(db::ConnectOptions& options) {
  options.endpoints.push_back({.host = {}, .port = 0, .socket = db::testing::server().socket()});
}

struct Cluster : StoreWorld {
  Cluster() : StoreWorld(twice) {
    storage_options.journal.grace = hours(1);
    restart();
  }

  // As a device sends them, so that they can be read back.
  Frame frame(int number, std::string_view nserie = "D1") {
    Frame frame = listener.frame(kArrival + number);
    const std::string text = "+" + std::string(nserie) + "/" + std::to_string(number);
    const auto bytes = ingest::as_bytes(text);
    frame.datagram.bytes.assign(bytes.begin(), bytes.end());
    frame.decoded.nserie = nserie;
    return frame.with(static_cast<std::uint64_t>(number));
  }

  ingest::StoreResult put_number(int number, std::string_view nserie = "D1") {
    frames.push_back(frame(number, nserie));
    return put(frames.back());
  }
  void put_numbers(int first, int last) {
    for (int number = first; number <= last; ++number)
      put_number(number);
  }

  // A connection ends, as when its server dies.
  void lose_connection() {
    auto lease = pool->acquire();
    database.server().sql("KILL " + std::to_string(lease->thread_id()));
    EXPECT_THROW(lease->query("SELECT 1"), db::Error);
  }

  void wait_until_sure() const {
    while (storage->shards_in_doubt() > 0 || storage->ledger().pending > 0)
      greenrt::testing::let_poll();
  }

  [[nodiscard]] std::string numbers() const {
    return database.sql("SELECT COALESCE(GROUP_CONCAT(frame_id ORDER BY frame_id), '') FROM frame");
  }

  std::deque<Frame> frames;
};

SERVER_TEST(StorageDoubt, FindsWhatIsThereAndCountsItOnce) {
  Cluster world;
  world.put_numbers(1, 20);
  world.lose_connection();
  EXPECT_EQ(world.storage->shards_in_doubt(), 1u);
  world.wait_until_sure();
  EXPECT_EQ(world.storage->confirmed(), 20u);
  EXPECT_EQ(world.storage->restored(), 0u);
  EXPECT_EQ(world.storage->ledger().stored, 20u);
  EXPECT_EQ(world.storage->ledger().accepted, 20u);
  EXPECT_EQ(world.database.rows(), "20");
  EXPECT_THAT(world.reporter.lines, Not(Contains(HasSubstr("records_restored"))));
}

SERVER_TEST(StorageDoubt, PutsBackWhatIsGoneAndSaysSo) {
  Cluster world;
  world.put_numbers(1, 20);
  world.database.sql("DELETE FROM frame WHERE frame_id > 15");
  world.lose_connection();
  world.wait_until_sure();
  EXPECT_EQ(world.database.rows(), "20");
  EXPECT_EQ(world.storage->confirmed(), 15u);
  EXPECT_EQ(world.storage->restored(), 5u);
  EXPECT_EQ(world.storage->ledger().stored, 20u) << "each record has ended once";
  EXPECT_THAT(world.reporter.lines, Contains(HasSubstr("records_restored")));
}

SERVER_TEST(StorageDoubt, PutsBackWhatIsGoneBeforeItStoresAnythingNewer) {
  Cluster world;
  world.database.sql("ALTER TABLE frame ADD COLUMN seq BIGINT AUTO_INCREMENT, ADD KEY (seq)");
  world.put_numbers(1, 10);
  world.database.sql("RENAME TABLE frame TO elsewhere");
  std::deque<Frame> waiting;
  std::vector<ingest::EntryRef> entries;
  for (int number = 11; number <= 15; ++number) {
    waiting.push_back(world.frame(number));
    entries.push_back(world.take(waiting.back()));
  }
  world.database.sql("DELETE FROM elsewhere WHERE frame_id > 5");
  world.lose_connection();
  world.database.sql("RENAME TABLE elsewhere TO frame");
  for (const auto& entry : entries)
    EXPECT_EQ(entry->wait_stored(greenrt::Deadline::never()).value().stored, 1u) << "nobody was left behind";
  EXPECT_EQ(world.database.sql("SELECT GROUP_CONCAT(frame_id ORDER BY seq) FROM frame"),
            "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15");
  EXPECT_EQ(world.storage->restored(), 5u);
}

SERVER_TEST(StorageDoubt, KeepsTheOrderThoughItIsLagging) {
  Cluster world;
  world.storage_options.max_queued = 3;
  world.restart();
  world.database.sql("ALTER TABLE frame ADD COLUMN seq BIGINT AUTO_INCREMENT, ADD KEY (seq)");
  world.put_numbers(1, 20);
  world.database.sql("RENAME TABLE frame TO elsewhere");
  for (int number = 21; number <= 60; ++number) {
    world.frames.push_back(world.frame(number));
    world.take(world.frames.back());
  }
  EXPECT_EQ(world.storage->lagging_shards(), 1u);
  world.database.sql("DELETE FROM elsewhere WHERE frame_id > 10");
  world.lose_connection();
  world.database.sql("RENAME TABLE elsewhere TO frame");
  world.wait_until_sure();
  EXPECT_EQ(world.database.rows(), "60");
  EXPECT_EQ(world.database.sql("SELECT COUNT(*) FROM (SELECT arrival, LAG(arrival) OVER (ORDER BY seq) AS before_it "
                               "FROM frame) AS t WHERE arrival <= before_it"),
            "0");
  EXPECT_EQ(world.storage->restored(), 10u);
  EXPECT_EQ(world.storage->ledger().stored, 60u);
}

SERVER_TEST(StorageDoubt, DeadLettersWhatWasRefusedOnce) {
  Cluster world;
  world.database.trigger("frame", "IF NEW.frame_id = 2 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF");
  world.put_numbers(1, 3);
  world.lose_connection();
  world.wait_until_sure();
  EXPECT_EQ(world.database.rows("dead_letter"), "1");
  EXPECT_EQ(world.numbers(), "1,3");
  EXPECT_EQ(world.storage->confirmed(), 3u);
  EXPECT_EQ(world.storage->restored(), 0u);
}

SERVER_TEST(StorageDoubt, KeepsOthersOfTheSameContentApart) {
  Cluster world;
  world.put_number(1);
  Frame again = world.frame(1);
  EXPECT_EQ(world.put(again.at(kArrival + 100)).duplicate, 1u);
  world.put_number(2);
  world.database.sql("DELETE FROM frame WHERE frame_id = 2");
  world.lose_connection();
  world.wait_until_sure();
  EXPECT_EQ(world.storage->restored(), 1u);
  EXPECT_EQ(world.storage->confirmed(), 2u);
  EXPECT_EQ(world.database.sql("SELECT frame_id, arrival FROM frame ORDER BY 1"),
            "1\t1770000000000001\n2\t1770000000000002");
}

SERVER_TEST(StorageDoubt, LooksAgainFromTheBeginningAfterAnotherLoss) {
  Cluster world;
  world.storage_options.batch_records = 10;
  world.restart();
  world.put_numbers(1, 30);
  world.lose_connection();
  world.wait_until_sure();
  world.database.sql("DELETE FROM frame");
  world.lose_connection();
  world.lose_connection();
  world.wait_until_sure();
  EXPECT_EQ(world.database.rows(), "30");
  EXPECT_EQ(world.storage->ledger().stored, 30u);
}

SERVER_TEST(StorageDoubt, LooksAgainWhenAnotherServerIsGoneTo) {
  Cluster world;
  world.put_numbers(1, 5);
  const db::Endpoint first = world.pool->hosts()->current();
  world.database.sql("DELETE FROM frame WHERE frame_id = 5");
  world.pool->hosts()->leave(first, "a test");
  world.put_number(6);
  EXPECT_NE(world.pool->hosts()->current(), first);
  EXPECT_EQ(world.numbers(), "1,2,3,4,5,6");
  EXPECT_EQ(world.pool->hosts()->changes(), 1u);
}

TEST(StorageDoubt, GoesOnWithTheOtherServerWhenOneTakesNoWritesAnyMore) {
  PrivateMariadb one;
  PrivateMariadb other;
  greenrt::testing::run_in_hub([&] {
    // The account of a daemon, which may not write where nobody may.
    StoreWorld world(one, [&](db::ConnectOptions& options) {
      db::Dialer(options_for(other, {})).connect()->execute("CREATE DATABASE " + options.database);
      db::apply_schema(*db::Dialer(options_for(other, options.database)).connect());
      for (PrivateMariadb* server : {&one, &other}) {
        server->sql("CREATE USER limited@'%' IDENTIFIED BY 'small'; GRANT SELECT, INSERT, UPDATE ON " +
                    options.database + ".* TO limited@'%'");
      }
      options.endpoints.push_back({.host = "127.0.0.1", .port = other.port(), .socket = {}});
      options.user = "limited";
      options.password = "small";
    });
    world.storage_options.journal.grace = hours(1);
    world.restart();
    Frame first = world.listener.frame(kArrival + 1).with(1);
    first.datagram.bytes = {std::byte{'+'}, std::byte{'D'}, std::byte{'1'}, std::byte{'/'}, std::byte{'1'}};
    world.put(first);
    one.sql("SET GLOBAL read_only = 1");
    EXPECT_EQ(world.put(world.listener.frame(kArrival + 2).with(2)).stored, 1u);
    EXPECT_EQ(one.sql("SELECT frame_id FROM " + world.database.name() + ".frame"), "1\n");
    EXPECT_EQ(other.sql("SELECT frame_id FROM " + world.database.name() + ".frame ORDER BY 1"), "1\n2\n");
    EXPECT_EQ(world.storage->restored(), 1u) << "which does not replicate here";
    EXPECT_EQ(world.pool->hosts()->changes(), 1u);
    EXPECT_GE(world.pool->stats().errors[db::ErrorClass::kWait], 1u);
  });
}

SERVER_TEST(StorageDoubt, GoesNoFurtherBackThanTheGraceTime) {
  Cluster world;
  world.storage_options.journal.grace = std::chrono::nanoseconds(1);
  world.restart();
  world.put_numbers(1, 5);
  world.database.sql("DELETE FROM frame WHERE frame_id = 5");
  world.lose_connection();
  world.wait_until_sure();
  EXPECT_EQ(world.storage->confirmed() + world.storage->restored(), 0u);
}

SERVER_TEST(StorageDoubt, TakesTheLossOfTheOnlyServerForWhatItIs) {
  StoreWorld world;
  world.put(world.listener.frame().with(1));
  {
    auto lease = world.pool->acquire();
    lease->discard();
  }
  EXPECT_EQ(world.storage->shards_in_doubt(), 0u);
}

SERVER_TEST(StorageDoubt, LooksAgainAfterItsOwnDeathAndCountsNothingTwice) {
  Cluster world;
  world.put_numbers(1, 20);
  world.storage->stop();
  world.database.sql("DELETE FROM frame WHERE frame_id > 12");
  world.restart();
  EXPECT_EQ(world.storage->ledger().found_at_start, 0u);
  world.wait_until_sure();
  EXPECT_EQ(world.storage->confirmed(), 12u);
  EXPECT_EQ(world.storage->restored(), 8u);
  EXPECT_EQ(world.storage->ledger().stored, 0u);
  EXPECT_EQ(world.database.rows(), "20");
}

SERVER_TEST(StorageDoubt, IsTakenUpAgainAfterARestart) {
  Cluster world;
  world.put_numbers(1, 10);
  world.database.sql("RENAME TABLE frame TO elsewhere");
  world.lose_connection();
  EXPECT_EQ(world.storage->shards_in_doubt(), 1u);
  world.restart();
  EXPECT_EQ(world.storage->ledger().found_at_start, 0u);
  EXPECT_EQ(world.storage->shards_in_doubt(), 1u);
  world.database.sql("DELETE FROM elsewhere");
  world.database.sql("RENAME TABLE elsewhere TO frame");
  world.wait_until_sure();
  EXPECT_EQ(world.storage->restored(), 10u);
}

SERVER_TEST(StorageDoubt, KeepsTheDrainWaitingWhileTheDatabaseAnswersOnly) {
  Cluster world;
  world.put_numbers(1, 10);
  world.lose_connection();
  EXPECT_TRUE(world.storage->wait_idle(greenrt::Deadline::never()));
  EXPECT_EQ(world.storage->confirmed(), 10u);

  world.database.sql("RENAME TABLE frame TO elsewhere");
  world.lose_connection();
  EXPECT_FALSE(world.storage->wait_idle(greenrt::Deadline::never()));
  world.database.sql("RENAME TABLE elsewhere TO frame");
}

SERVER_TEST(StorageDoubt, ReadsMoreThanAPageAgain) {
  constexpr std::array<std::string_view, 3> kDevices{"D1", "D2", "D3"};
  Cluster world;
  std::vector<ingest::EntryRef> entries;
  for (int number = 1; number <= 5000; ++number) {
    world.frames.push_back(world.frame(number, kDevices[static_cast<std::size_t>(number) % kDevices.size()]));
    entries.push_back(world.take_soon(world.frames.back()));
  }
  for (const auto& entry : entries)
    EXPECT_TRUE(entry->wait_durable());
  world.wait_until_sure();
  world.database.sql("DELETE FROM frame WHERE frame_id % 1000 = 0");
  world.lose_connection();
  world.wait_until_sure();
  EXPECT_EQ(world.storage->restored(), 5u);
  EXPECT_EQ(world.storage->confirmed(), 4995u);
  EXPECT_EQ(world.database.rows(), "5000");
}

}  // namespace
}  // namespace hilera
