// What becomes of the records of a datagram.

#include "daemon/storage.h"

#include <deque>
#include <vector>

#include "tests/daemon/faulty_vfs.h"
#include "tests/daemon/store_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// "stored/duplicate/dead-lettered"
std::string outcome(const ingest::StoreResult& result) {
  return std::to_string(result.stored) + "/" + std::to_string(result.duplicate) + "/" +
         std::to_string(result.dead_lettered);
}

SERVER_TEST(Storage, StoresARecordWithAllThatIsKnownOfIt) {
  StoreWorld world;
  auto frame = world.listener.frame().with(0xfedc'ba98'7654'3210, 0x0102'0304'0506'0708, 1'769'999'999'123);
  frame.decoded.auth_level = ingest::AuthLevel::kMac;
  EXPECT_EQ(outcome(world.put(frame)), "1/0/0");
  EXPECT_EQ(
      world.database.sql("SELECT nserie, frame_id, codec, arrival, collector, HEX(digest), device_time FROM frame"),
      "D1\t18364758544493064720\ttext\t1770000000000000\thost-a\t0102030405060708\t2026-02-02 02:39:59.123");
  EXPECT_EQ(world.database.sql("SELECT received_at, listener, peer_ip, peer_port, auth_level, replayed, fields, raw "
                               "FROM frame"),
            "2026-02-02 02:40:00.000000\ttrackers\t::ffff:192.0.2.7\t4000\t2\t0\t{}\tNULL");
  EXPECT_EQ(world.storage->retries(), 0u);
  EXPECT_THAT(world.reporter.lines, IsEmpty());
}

SERVER_TEST(Storage, KeepsTheBytesWhereTheListenerAsksForIt) {
  StoreWorld world;
  TestListener keeping(true);
  world.put(keeping.frame().with(1));
  EXPECT_EQ(world.database.sql("SELECT raw FROM frame"), "payload");
}

SERVER_TEST(Storage, KeepsTimesOutsideOfTheColumnAsUnknown) {
  StoreWorld world;
  const auto stored_time = [&](std::optional<std::int64_t> device_time) {
    world.put(world.listener.frame().with(1, 1, device_time));
    const auto text = world.database.sql("SELECT device_time FROM frame");
    world.database.sql("DELETE FROM frame");
    return text;
  };
  EXPECT_EQ(stored_time({}), "NULL");
  EXPECT_EQ(stored_time(0), "1970-01-01 00:00:00.000");
  EXPECT_EQ(stored_time(-1), "1969-12-31 23:59:59.999");
  EXPECT_EQ(stored_time((std::int64_t{1} << 43) - 1), "2248-09-26 15:10:22.207");
  EXPECT_EQ(stored_time(253'402'300'799'999), "9999-12-31 23:59:59.999");
  EXPECT_EQ(stored_time(253'402'300'800'000), "NULL");
  EXPECT_EQ(stored_time(std::numeric_limits<std::int64_t>::min()), "NULL");
}

SERVER_TEST(Storage, StoresPeersOfBothFamilies) {
  StoreWorld world;
  world.put(world.listener.frame(1).with(1).from("192.0.2.255", 65535));
  world.put(world.listener.frame(2).with(2).from("2001:db8::17", 1));
  world.put(world.listener.frame(3).with(3).from("::ffff:198.51.100.1", 2));
  EXPECT_EQ(world.database.sql("SELECT peer_ip, peer_port FROM frame ORDER BY frame_id"),
            "::ffff:192.0.2.255\t65535\n2001:db8::17\t1\n::ffff:198.51.100.1\t2");
}

SERVER_TEST(Storage, CallsTheSameContentFromALaterDatagramADuplicate) {
  StoreWorld world;
  world.put(world.listener.frame().with(7, 1));
  EXPECT_EQ(outcome(world.put(world.listener.frame(kArrival + 1).with(7, 1))), "0/1/0");
  EXPECT_EQ(world.database.sql("SELECT arrival FROM frame"), std::to_string(kArrival)) << "the first row stays";
  EXPECT_EQ(world.database.rows("dead_letter"), "0");
}

SERVER_TEST(Storage, KnowsItsOwnRowFromAnAttemptOfUnknownOutcome) {
  StoreWorld world;
  const auto frame = world.listener.frame().with(7);
  world.put(frame);
  EXPECT_EQ(outcome(world.put(frame)), "1/0/0");
  EXPECT_EQ(world.database.rows(), "1");
}

SERVER_TEST(Storage, DeadLettersOtherContentUnderTheSameKey) {
  StoreWorld world;
  world.put(world.listener.frame().with(7, 0xaa));
  const auto other = world.listener.frame(kArrival + 1).with(7, 0xbb).from("2001:db8::17", 9);
  EXPECT_EQ(outcome(world.put(other)), "0/0/1");
  EXPECT_EQ(world.database.sql("SELECT HEX(digest), arrival FROM frame"),
            "00000000000000AA\t" + std::to_string(kArrival));
  EXPECT_EQ(world.database.sql("SELECT reason, arrival, listener, collector, codec, nserie, frame_id, HEX(digest), "
                               "peer_ip, peer_port, auth_level, raw FROM dead_letter"),
            "conflict\t1770000000000001\ttrackers\thost-a\ttext\tD1\t7\t00000000000000BB\t2001:db8::17\t9\t0\tpayload");
}

SERVER_TEST(Storage, KeepsOneDeadLetterForEachConflict) {
  StoreWorld world;
  world.put(world.listener.frame().with(7, 1));
  world.put(world.listener.frame(kArrival + 1).with(7, 2));
  EXPECT_EQ(outcome(world.put(world.listener.frame(kArrival + 2).with(7, 2))), "0/0/1");
  EXPECT_EQ(world.database.rows("dead_letter"), "1") << "the same content again";
  world.put(world.listener.frame(kArrival + 3).with(7, 3));
  EXPECT_EQ(world.database.rows("dead_letter"), "2");
}

SERVER_TEST(Storage, TellsDevicesAndCodecsApart) {
  StoreWorld world;
  world.put(world.listener.frame(1).with(7, 1));
  auto other = world.listener.frame(2).with(7, 2);
  other.decoded.nserie = "d1";
  EXPECT_EQ(outcome(world.put(other)), "1/0/0");
  EXPECT_EQ(world.database.rows(), "2");
}

SERVER_TEST(Storage, DeadLettersWhatTheDatabaseRefusesWithItsWords) {
  StoreWorld world;
  world.database.trigger("frame", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not today'");
  EXPECT_EQ(outcome(world.put(world.listener.frame().with(7))), "0/0/1");
  EXPECT_EQ(world.database.rows(), "0");
  EXPECT_EQ(world.database.sql("SELECT reason, error, nserie, frame_id, raw FROM dead_letter"),
            "refused\tnot today (1644)\tD1\t7\tpayload");
  EXPECT_EQ(world.storage->retries(), 0u);
}

SERVER_TEST(Storage, DeadLettersWhatDoesNotFitItsColumn) {
  StoreWorld world;
  const std::string serial(200, 'x');
  auto frame = world.listener.frame().with(7);
  frame.decoded.nserie = std::string_view(serial).substr(0, 127);
  EXPECT_EQ(outcome(world.put(frame)), "1/0/0");
  world.database.sql("DELETE FROM frame");
  world.database.sql("ALTER TABLE frame MODIFY listener VARCHAR(3) CHARACTER SET ascii NOT NULL");
  EXPECT_EQ(outcome(world.put(world.listener.frame(kArrival + 1).with(8))), "0/0/1");
  EXPECT_THAT(world.database.sql("SELECT error FROM dead_letter"), HasSubstr("Data too long for column 'listener'"));
}

SERVER_TEST(Storage, TakesWordsOfAnyBytesAndLength) {
  StoreWorld world;
  // The server quotes the bytes of the value, which are no UTF-8, in its message.
  world.database.trigger("frame", "SET NEW.device_time = x'ffc328'");
  EXPECT_EQ(outcome(world.put(world.listener.frame().with(1))), "0/0/1");
  std::string enyes;
  for (int i = 0; i < 200; ++i)
    enyes += "ñ";
  world.database.trigger("frame", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '" + enyes + "'");
  EXPECT_EQ(outcome(world.put(world.listener.frame(kArrival + 1).with(2))), "0/0/1");
  EXPECT_EQ(world.database.sql("SELECT CHAR_LENGTH(error) FROM dead_letter WHERE frame_id = 2"), "512");
}

SERVER_TEST(Storage, StoresAllRecordsOfADatagramInOrder) {
  StoreWorld world;
  world.database.sql("ALTER TABLE frame ADD COLUMN seq INT NOT NULL AUTO_INCREMENT, ADD KEY (seq)");
  auto frame = world.listener.frame();
  for (const std::uint64_t id : {30u, 10u, 20u})
    frame.with(id, id);
  EXPECT_EQ(outcome(world.put(frame)), "3/0/0");
  EXPECT_EQ(world.database.sql("SELECT GROUP_CONCAT(frame_id ORDER BY seq) FROM frame"), "30,10,20");
  EXPECT_EQ(world.database.sql("SELECT COUNT(DISTINCT arrival) FROM frame"), "1");
}

SERVER_TEST(Storage, StoresTheRestWhenOneRecordIsRefused) {
  StoreWorld world;
  world.database.trigger("frame", "IF NEW.frame_id = 2 THEN SIGNAL SQLSTATE '45000'; END IF");
  EXPECT_EQ(outcome(world.put(world.listener.frame().with(1).with(2).with(3))), "2/0/1");
  EXPECT_EQ(world.database.sql("SELECT GROUP_CONCAT(frame_id) FROM frame"), "1,3");
  EXPECT_EQ(world.database.sql("SELECT GROUP_CONCAT(frame_id) FROM dead_letter"), "2");
}

SERVER_TEST(Storage, CountsEachRecordOfADatagramForItself) {
  StoreWorld world;
  world.put(world.listener.frame().with(1, 1).with(2, 2));
  EXPECT_EQ(outcome(world.put(world.listener.frame(kArrival + 1).with(1, 1).with(2, 9).with(3, 3))), "1/1/1");
}

SERVER_TEST(Storage, StoresARecordOnceThatStandsTwiceInADatagram) {
  StoreWorld world;
  const auto frame = world.listener.frame().with(1, 1).with(1, 1).with(1, 2).with(1, 1);
  EXPECT_EQ(outcome(world.put(frame)), "1/2/1");
  EXPECT_EQ(world.database.rows(), "1");
  EXPECT_EQ(outcome(world.put(frame)), "1/2/1") << "the same when it is tried again";
  EXPECT_EQ(world.database.rows("dead_letter"), "1");
}

SERVER_TEST(Storage, LeavesNoTransactionBehind) {
  StoreWorld world;
  world.put(world.listener.frame().with(1).with(2));
  EXPECT_EQ(world.pool->stats().connects, 1u);
  EXPECT_EQ(world.pool->stats().idle, 1u);
  EXPECT_EQ(world.pool->stats().discarded, 0u);
  EXPECT_EQ(world.database.rows(), "2");
}

SERVER_TEST(Storage, TellsTheDeviceTheBestThatHappened) {
  using ingest::AckStatus;
  EXPECT_EQ((ingest::StoreResult{.stored = 1, .duplicate = 1, .dead_lettered = 1}.ack_status()), AckStatus::kStored);
  EXPECT_EQ((ingest::StoreResult{.duplicate = 1, .dead_lettered = 1}.ack_status()), AckStatus::kDuplicate);
  EXPECT_EQ((ingest::StoreResult{.dead_lettered = 1}.ack_status()), AckStatus::kRefused);
}

// --- order, and the journal -----------------------------------------------------------------------------------------

// Frames of one device, to be kept while they are stored.
std::deque<Frame> frames_of(StoreWorld& world, int first, int last, std::string_view nserie = "D1") {
  std::deque<Frame> frames;
  for (int i = first; i <= last; ++i) {
    frames.push_back(world.listener.frame(kArrival + i).with(static_cast<std::uint64_t>(i)));
    frames.back().decoded.nserie = nserie;
  }
  return frames;
}

std::vector<std::byte> text_bytes(std::string_view text) {
  const auto bytes = ingest::as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

SERVER_TEST(Storage, StoresWhatWaitsTogether) {
  StoreWorld world;
  world.put(world.listener.frame().with(1000));
  std::vector<ingest::EntryRef> entries;
  const auto frames = frames_of(world, 1, 100);
  for (const Frame& frame : frames)
    entries.push_back(world.take_soon(frame));
  for (const auto& entry : entries)
    EXPECT_EQ(entry->wait_stored(greenrt::Deadline::never())->stored, 1u);
  EXPECT_EQ(world.database.rows(), "101");
  EXPECT_LT(world.storage->batch_rows().count(), 20u);
  EXPECT_EQ(world.storage->store_seconds().count(), 101u);
}

SERVER_TEST(Storage, CountsADatagramWhenItIsDurable) {
  StoreWorld world;
  world.database.sql("RENAME TABLE frame TO elsewhere");
  const auto frame = world.listener.frame().with(1).with(2);
  world.take(frame);
  EXPECT_EQ(world.storage->ledger().accepted, 2u);
  EXPECT_EQ(world.storage->ledger().pending, 2u);
  EXPECT_EQ(world.storage->ledger().stored, 0u);
}

SERVER_TEST(Storage, GoesOnAfterARestartWithWhatTheJournalHolds) {
  StoreWorld world;
  world.database.sql("RENAME TABLE frame TO elsewhere");
  auto frames = frames_of(world, 1, 10);
  for (Frame& frame : frames) {
    frame.datagram.bytes = text_bytes("+D1/" + std::to_string(frame.datagram.arrival - kArrival));
    world.take(frame);
  }
  world.restart();
  EXPECT_EQ(world.storage->ledger().found_at_start, 10u);
  EXPECT_EQ(world.storage->ledger().pending, 10u);
  EXPECT_EQ(world.storage->last_arrival(), kArrival + 10);
  EXPECT_EQ(world.storage->lagging_shards(), 1u);
  world.database.sql("RENAME TABLE elsewhere TO frame");
  world.wait_until_stored();
  EXPECT_EQ(world.storage->ledger().accepted, 0u);
  EXPECT_EQ(world.storage->ledger().stored, 10u);
  EXPECT_EQ(world.storage->lagging_shards(), 0u);
  EXPECT_EQ(world.database.sql("SELECT DISTINCT nserie, collector, listener, peer_ip, peer_port FROM frame"),
            "D1\thost-a\ttrackers\t::ffff:192.0.2.7\t4000");
  world.restart();
  EXPECT_EQ(world.storage->ledger().found_at_start, 0u) << "the position was kept";
}

// Its records are not among those that were found, and come up later.
SERVER_TEST(Storage, CountsWhatASegmentHoldsThatCouldNotBeReadAtTheStart) {
  constexpr int kRecords = 300;
  FaultyVfs disk;
  StoreWorld world;
  world.storage_options.journal.vfs = disk.name();
  world.storage_options.journal.segment_size = 16 << 10;
  world.storage_options.pause = std::chrono::milliseconds(1);
  world.restart();
  world.storage->stop();
  auto frames = frames_of(world, 1, kRecords);
  for (Frame& frame : frames) {
    frame.datagram.bytes = text_bytes("+D1/" + std::to_string(frame.datagram.arrival - kArrival));
    world.take(frame);
  }
  ASSERT_GE(world.storage->journal().stats().segments, 3u);
  world.storage.reset();
  disk.fail(FaultyVfs::Operation::kOpen, FaultyVfs::Failure::kIoError, 2, 1);  // not that of the newest one
  world.begin();
  world.database.wait_for("SELECT COUNT(*) FROM frame", std::to_string(kRecords));
  world.wait_until_stored();
  EXPECT_EQ(world.storage->ledger().pending, 0u);
  EXPECT_EQ(world.storage->ledger().found_at_start, static_cast<std::uint64_t>(kRecords));
}

SERVER_TEST(Storage, ReadsOnFromTheJournalWhenItsQueueIsFull) {
  StoreWorld world;
  world.storage_options.max_queued = 3;
  world.restart();
  world.database.sql("ALTER TABLE frame ADD COLUMN seq BIGINT AUTO_INCREMENT, ADD KEY (seq)");
  world.database.sql("RENAME TABLE frame TO elsewhere");
  auto frames = frames_of(world, 1, 50);
  std::vector<ingest::EntryRef> entries;
  for (Frame& frame : frames) {
    frame.datagram.bytes = text_bytes("-D1/" + std::to_string(frame.datagram.arrival - kArrival));
    entries.push_back(world.take(frame));
  }
  EXPECT_EQ(world.storage->lagging_shards(), 1u);
  EXPECT_EQ(world.storage->queued(), 3u);
  EXPECT_FALSE(entries.back()->wait_stored(greenrt::Deadline::never()).has_value()) << "it was left behind";
  world.database.sql("RENAME TABLE elsewhere TO frame");
  world.wait_until_stored();
  EXPECT_EQ(world.storage->lagging_shards(), 0u) << "it has caught up";
  EXPECT_EQ(world.storage->ledger().stored, 50u);
  EXPECT_EQ(world.database.sql("SELECT COUNT(*) FROM (SELECT arrival, LAG(arrival) OVER (ORDER BY seq) AS before_it "
                               "FROM frame) AS t WHERE arrival <= before_it"),
            "0")
      << "in order";
  EXPECT_EQ(world.put(world.listener.frame(kArrival + 100).with(100)).stored, 1u) << "straight from the commit again";
}

SERVER_TEST(Storage, GivesADeviceThatIsRefusedAgainAndAgainBatchesOfItsOwn) {
  StoreWorld world;
  world.database.trigger("frame", "IF NEW.nserie = 'BAD' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF");
  const auto known = frames_of(world, 1, 3, "BAD");
  for (const Frame& frame : known)
    world.put(frame);
  const auto bad = frames_of(world, 11, 20, "BAD");
  const auto good = frames_of(world, 21, 30);
  std::vector<ingest::EntryRef> entries;
  for (std::size_t i = 0; i < bad.size(); ++i) {
    entries.push_back(world.take_soon(bad[i]));
    entries.push_back(world.take_soon(good[i]));
  }
  for (std::size_t i = 0; i < entries.size(); ++i)
    EXPECT_EQ(outcome(entries[i]->wait_stored(greenrt::Deadline::never()).value()), i % 2 == 0 ? "0/0/1" : "1/0/0");
  EXPECT_EQ(world.database.rows(), "10");
  EXPECT_EQ(world.database.rows("dead_letter"), "13");
  EXPECT_EQ(world.pool->stats().errors[db::ErrorClass::kPoisonRow], 13u) << "no batch had to be taken apart";
}

SERVER_TEST(Storage, DeadLettersWhatItsCodecDoesNotReadAnyMore) {
  StoreWorld world;
  world.database.sql("RENAME TABLE frame TO elsewhere");
  auto frame = world.listener.frame().with(1).with(2);
  frame.datagram.bytes = text_bytes("no frame of this codec");
  world.take(frame);
  world.restart();
  world.database.sql("RENAME TABLE elsewhere TO frame");
  world.wait_until_stored();
  EXPECT_EQ(world.database.sql("SELECT reason, codec, listener, raw FROM dead_letter"),
            "unreadable\ttext\ttrackers\tno frame of this codec");
  EXPECT_EQ(world.storage->ledger().dead_lettered, 1u);
}

}  // namespace
}  // namespace hilera
