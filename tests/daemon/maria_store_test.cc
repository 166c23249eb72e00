// What becomes of the records of a datagram.

#include "daemon/maria_store.h"

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

SERVER_TEST(MariaStore, StoresARecordWithAllThatIsKnownOfIt) {
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
  EXPECT_EQ(world.store.retries(), 0u);
  EXPECT_THAT(world.reporter.lines, IsEmpty());
}

SERVER_TEST(MariaStore, KeepsTheBytesWhereTheListenerAsksForIt) {
  StoreWorld world;
  TestListener keeping(true);
  world.put(keeping.frame().with(1));
  EXPECT_EQ(world.database.sql("SELECT raw FROM frame"), "payload");
}

SERVER_TEST(MariaStore, KeepsTimesOutsideOfTheColumnAsUnknown) {
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

SERVER_TEST(MariaStore, StoresPeersOfBothFamilies) {
  StoreWorld world;
  world.put(world.listener.frame(1).with(1).from("192.0.2.255", 65535));
  world.put(world.listener.frame(2).with(2).from("2001:db8::17", 1));
  world.put(world.listener.frame(3).with(3).from("::ffff:198.51.100.1", 2));
  EXPECT_EQ(world.database.sql("SELECT peer_ip, peer_port FROM frame ORDER BY frame_id"),
            "::ffff:192.0.2.255\t65535\n2001:db8::17\t1\n::ffff:198.51.100.1\t2");
}

SERVER_TEST(MariaStore, CallsTheSameContentFromALaterDatagramADuplicate) {
  StoreWorld world;
  world.put(world.listener.frame().with(7, 1));
  EXPECT_EQ(outcome(world.put(world.listener.frame(kArrival + 1).with(7, 1))), "0/1/0");
  EXPECT_EQ(world.database.sql("SELECT arrival FROM frame"), std::to_string(kArrival)) << "the first row stays";
  EXPECT_EQ(world.database.rows("dead_letter"), "0");
}

SERVER_TEST(MariaStore, KnowsItsOwnRowFromAnAttemptOfUnknownOutcome) {
  StoreWorld world;
  const auto frame = world.listener.frame().with(7);
  world.put(frame);
  EXPECT_EQ(outcome(world.put(frame)), "1/0/0");
  EXPECT_EQ(world.database.rows(), "1");
}

SERVER_TEST(MariaStore, DeadLettersOtherContentUnderTheSameKey) {
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

SERVER_TEST(MariaStore, KeepsOneDeadLetterForEachConflict) {
  StoreWorld world;
  world.put(world.listener.frame().with(7, 1));
  world.put(world.listener.frame(kArrival + 1).with(7, 2));
  EXPECT_EQ(outcome(world.put(world.listener.frame(kArrival + 2).with(7, 2))), "0/0/1");
  EXPECT_EQ(world.database.rows("dead_letter"), "1") << "the same content again";
  world.put(world.listener.frame(kArrival + 3).with(7, 3));
  EXPECT_EQ(world.database.rows("dead_letter"), "2");
}

SERVER_TEST(MariaStore, TellsDevicesAndCodecsApart) {
  StoreWorld world;
  world.put(world.listener.frame(1).with(7, 1));
  auto other = world.listener.frame(2).with(7, 2);
  other.decoded.nserie = "d1";
  EXPECT_EQ(outcome(world.put(other)), "1/0/0");
  EXPECT_EQ(world.database.rows(), "2");
}

SERVER_TEST(MariaStore, DeadLettersWhatTheDatabaseRefusesWithItsWords) {
  StoreWorld world;
  world.database.trigger("frame", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not today'");
  EXPECT_EQ(outcome(world.put(world.listener.frame().with(7))), "0/0/1");
  EXPECT_EQ(world.database.rows(), "0");
  EXPECT_EQ(world.database.sql("SELECT reason, error, nserie, frame_id, raw FROM dead_letter"),
            "refused\tnot today (1644)\tD1\t7\tpayload");
  EXPECT_EQ(world.store.retries(), 0u);
}

SERVER_TEST(MariaStore, DeadLettersWhatDoesNotFitItsColumn) {
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

SERVER_TEST(MariaStore, TakesWordsOfAnyBytesAndLength) {
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

SERVER_TEST(MariaStore, StoresAllRecordsOfADatagramInOrder) {
  StoreWorld world;
  world.database.sql("ALTER TABLE frame ADD COLUMN seq INT NOT NULL AUTO_INCREMENT, ADD KEY (seq)");
  auto frame = world.listener.frame();
  for (const std::uint64_t id : {30u, 10u, 20u})
    frame.with(id, id);
  EXPECT_EQ(outcome(world.put(frame)), "3/0/0");
  EXPECT_EQ(world.database.sql("SELECT GROUP_CONCAT(frame_id ORDER BY seq) FROM frame"), "30,10,20");
  EXPECT_EQ(world.database.sql("SELECT COUNT(DISTINCT arrival) FROM frame"), "1");
}

SERVER_TEST(MariaStore, StoresTheRestWhenOneRecordIsRefused) {
  StoreWorld world;
  world.database.trigger("frame", "IF NEW.frame_id = 2 THEN SIGNAL SQLSTATE '45000'; END IF");
  EXPECT_EQ(outcome(world.put(world.listener.frame().with(1).with(2).with(3))), "2/0/1");
  EXPECT_EQ(world.database.sql("SELECT GROUP_CONCAT(frame_id) FROM frame"), "1,3");
  EXPECT_EQ(world.database.sql("SELECT GROUP_CONCAT(frame_id) FROM dead_letter"), "2");
}

SERVER_TEST(MariaStore, CountsEachRecordOfADatagramForItself) {
  StoreWorld world;
  world.put(world.listener.frame().with(1, 1).with(2, 2));
  EXPECT_EQ(outcome(world.put(world.listener.frame(kArrival + 1).with(1, 1).with(2, 9).with(3, 3))), "1/1/1");
}

SERVER_TEST(MariaStore, StoresARecordOnceThatStandsTwiceInADatagram) {
  StoreWorld world;
  const auto frame = world.listener.frame().with(1, 1).with(1, 1).with(1, 2).with(1, 1);
  EXPECT_EQ(outcome(world.put(frame)), "1/2/1");
  EXPECT_EQ(world.database.rows(), "1");
  EXPECT_EQ(outcome(world.put(frame)), "1/2/1") << "the same when it is tried again";
  EXPECT_EQ(world.database.rows("dead_letter"), "1");
}

SERVER_TEST(MariaStore, LeavesNoTransactionBehind) {
  StoreWorld world;
  world.put(world.listener.frame().with(1).with(2));
  EXPECT_EQ(world.pool->stats().connects, 1u);
  EXPECT_EQ(world.pool->stats().idle, 1u);
  EXPECT_EQ(world.pool->stats().discarded, 0u);
  EXPECT_EQ(world.database.rows(), "2");
}

SERVER_TEST(MariaStore, TellsTheDeviceTheBestThatHappened) {
  using ingest::AckStatus;
  EXPECT_EQ((ingest::StoreResult{.stored = 1, .duplicate = 1, .dead_lettered = 1}.ack_status()), AckStatus::kStored);
  EXPECT_EQ((ingest::StoreResult{.duplicate = 1, .dead_lettered = 1}.ack_status()), AckStatus::kDuplicate);
  EXPECT_EQ((ingest::StoreResult{.dead_lettered = 1}.ack_status()), AckStatus::kRefused);
}

}  // namespace
}  // namespace hilera
