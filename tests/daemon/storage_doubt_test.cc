// What the store does when a database server among several may have lost what it had committed: it looks again, and
// stores again what is gone.

#include <array>
#include <chrono>
#include <deque>

#include "tests/daemon/faulty_vfs.h"
#include "tests/daemon/store_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using greenrt::spawn;
using std::chrono::hours;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Cluster : ClusterWorld {
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

  [[nodiscard]] std::string numbers() const {
    return database.sql("SELECT COALESCE(GROUP_CONCAT(frame_id ORDER BY frame_id), '') FROM frame");
  }

  std::deque<Frame> frames;
};

SERVER_TEST(StorageDoubt, FindsWhatIsThereAndCountsItOnce) {
  Cluster world;
  world.put_numbers(1, 20);
  world.lose_server();
  EXPECT_EQ(world.storage->shards_in_doubt(), 1u);
  world.wait_until_sure();
  EXPECT_EQ(world.storage->confirmed(), 20u);
  EXPECT_EQ(world.storage->restored(), 0u);
  EXPECT_EQ(world.storage->ledger().stored, 20u);
  EXPECT_EQ(world.storage->ledger().accepted, 20u);
  EXPECT_EQ(world.database.rows(), "20");
  EXPECT_THAT(world.reporter.lines, Not(Contains(HasSubstr("records_restored"))));
}

SERVER_TEST(StorageDoubt, CountsOnceWhatItLooksForAgainAfterAnotherLoss) {
  Cluster world;
  world.put_numbers(1, 20);
  const auto rival = world.database.connect();
  rival->execute("LOCK TABLES frame WRITE");
  world.lose_server();
  world.database.wait_for_locked_out(1);
  world.lose_server();
  rival->execute("UNLOCK TABLES");
  world.wait_until_sure();
  EXPECT_EQ(world.storage->confirmed(), 20u);
  EXPECT_EQ(world.storage->restored(), 0u);
}

SERVER_TEST(StorageDoubt, PutsBackWhatIsGoneAndSaysSo) {
  Cluster world;
  world.put_numbers(1, 20);
  world.database.sql("DELETE FROM frame WHERE frame_id > 15");
  world.lose_server();
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
  world.lose_server();
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
  world.lose_server();
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
  world.lose_server();
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
  world.lose_server();
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
  world.lose_server();
  world.wait_until_sure();
  world.database.sql("DELETE FROM frame");
  world.lose_server();
  world.lose_server();
  world.wait_until_sure();
  EXPECT_EQ(world.database.rows(), "30");
  EXPECT_EQ(world.storage->ledger().stored, 30u);
}

SERVER_TEST(StorageDoubt, LooksForNothingWhenTheSameServerIsGoneToByAnotherAddress) {
  Cluster world;
  world.put_numbers(1, 5);
  const db::Endpoint first = world.pool->hosts()->current();
  world.pool->hosts()->leave(first, "a test");
  world.put_number(6);
  EXPECT_NE(world.pool->hosts()->current(), first);
  EXPECT_EQ(world.pool->hosts()->changes(), 1u);
  EXPECT_EQ(world.pool->hosts()->losses(), 0u);
  EXPECT_EQ(world.storage->confirmed(), 0u);
}

SERVER_TEST(StorageDoubt, LooksForNothingWhenAConnectionEndsWhoseServerLives) {
  Cluster world;
  world.put_numbers(1, 5);
  world.end_connection();
  world.put_number(6);
  EXPECT_EQ(world.storage->shards_in_doubt(), 0u);
  EXPECT_EQ(world.storage->confirmed(), 0u);
}

SERVER_TEST(StorageDoubt, PutsNoDeadLetterAmongTheFrames) {
  Cluster world;
  world.database.trigger("frame", "IF NEW.frame_id = 2 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF");
  world.put_numbers(1, 4);
  world.database.sql("DROP TRIGGER before_frame");
  world.database.sql("DELETE FROM frame WHERE frame_id = 4");
  world.lose_server();
  world.wait_until_sure();
  EXPECT_EQ(world.numbers(), "1,3,4");
  EXPECT_EQ(world.database.rows("dead_letter"), "1");
  EXPECT_EQ(world.storage->restored(), 1u);
  EXPECT_EQ(world.storage->confirmed(), 3u);
}

SERVER_TEST(StorageDoubt, PutsBackADeadLetterThatIsGone) {
  Cluster world;
  world.database.trigger("frame", "IF NEW.frame_id = 2 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF");
  world.put_numbers(1, 3);
  world.database.sql("DELETE FROM dead_letter");
  world.lose_server();
  world.wait_until_sure();
  EXPECT_EQ(world.database.rows("dead_letter"), "1");
  EXPECT_EQ(world.storage->restored(), 1u);
}

SERVER_TEST(StorageDoubt, GoesNoFurtherBackThoughServersKeepDying) {
  Cluster world;
  const auto grace = std::chrono::milliseconds(50);
  world.storage_options.journal.grace = grace;
  world.restart();
  int number = 0;
  const auto end = greenrt::Clock::now() + 10 * grace;
  while (greenrt::Clock::now() < end) {
    const auto next_loss = greenrt::Clock::now() + grace / 2;
    do {
      world.put_number(++number);
    } while (greenrt::Clock::now() < next_loss);
    world.lose_server();
    world.wait_until_sure();
  }
  const auto before = world.storage->confirmed();
  world.lose_server();
  world.wait_until_sure();
  EXPECT_LT(world.storage->confirmed() - before, static_cast<std::uint64_t>(number));
  EXPECT_EQ(world.storage->restored(), 0u);
}

SERVER_TEST(StorageDoubt, LooksAgainForWhatItHasPutBack) {
  Cluster world;
  world.put_numbers(1, 20);
  for (int i = 0; i < 2; ++i) {
    world.database.sql("DELETE FROM frame WHERE frame_id > 5");
    world.lose_server();
    world.wait_until_sure();
    EXPECT_EQ(world.database.rows(), "20");
  }
  EXPECT_EQ(world.storage->restored(), 30u);
}

SERVER_TEST(StorageDoubt, IsGivenUpWhenTheJournalCannotBeRead) {
  FaultyVfs disk;
  Cluster world;
  world.storage_options.journal.vfs = disk.name();
  world.storage_options.pause = std::chrono::milliseconds(1);
  world.storage_options.journal.segment_size = 32 << 10;
  world.restart();
  for (int number = 1; number <= 1000; ++number) {
    world.frames.push_back(world.frame(number));
    world.take_soon(world.frames.back());
    if (number % 100 == 0) world.storage->journal().flush(greenrt::Deadline::never());
  }
  world.wait_until_stored();
  while (world.storage->journal().stats().segments < 2)
    greenrt::testing::let_poll();
  disk.fail(FaultyVfs::Operation::kOpen, FaultyVfs::Failure::kIoError);
  world.lose_server();
  while (world.storage->doubts_abandoned() == 0)
    greenrt::testing::let_poll();
  disk.heal();
  world.put_number(1001);
  EXPECT_EQ(world.storage->shards_in_doubt(), 0u);
  EXPECT_THAT(world.reporter.lines, Contains(HasSubstr("doubt_abandoned")));
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
  world.lose_server();
  world.wait_until_sure();
  EXPECT_EQ(world.storage->confirmed(), 0u);
  EXPECT_EQ(world.storage->restored(), 1u) << "the last commit is always in doubt";
}

SERVER_TEST(StorageDoubt, DoesNotExistWithoutAGraceTime) {
  Cluster world;
  world.storage_options.journal.grace = greenrt::Duration::zero();
  world.restart();
  world.put_numbers(1, 5);
  world.lose_server();
  EXPECT_EQ(world.pool->hosts()->losses(), 1u);
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
  world.lose_server();
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
  world.lose_server();
  EXPECT_TRUE(world.storage->wait_idle(greenrt::Deadline::never()));
  EXPECT_EQ(world.storage->confirmed(), 10u);

  world.database.sql("RENAME TABLE frame TO elsewhere");
  world.lose_server();
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
  world.lose_server();
  world.wait_until_sure();
  EXPECT_EQ(world.storage->restored(), 5u);
  EXPECT_EQ(world.storage->confirmed(), 4995u);
  EXPECT_EQ(world.database.rows(), "5000");
}

}  // namespace
}  // namespace hilera
