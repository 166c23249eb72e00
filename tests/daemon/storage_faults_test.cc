// What the store does when the database fails it: nothing is lost, nothing is there twice, nothing is there in part.

#include <chrono>
#include <deque>

#include "tests/daemon/answer_thief.h"
#include "tests/daemon/store_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using greenrt::spawn;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A lock of the server at which inserts into frame wait while the test holds it.
class Gate {
 public:
  // Only inserts for which `condition` holds pass through it.
  explicit Gate(const TestDatabase& database, const std::string& condition = "TRUE")
      : database_(database), name_(database.name()), holder_(database.connect()) {
    close();
    database.trigger("frame", "IF " + condition + " THEN DO GET_LOCK('" + name_ + "', 60); DO RELEASE_LOCK('" + name_ +
                                  "'); END IF");
  }

  void close() { holder_->query("DO GET_LOCK('" + name_ + "', 60)"); }
  void open() { holder_->query("DO RELEASE_LOCK('" + name_ + "')"); }

  // Until somebody waits at it; gives their session.
  std::string wait_for_visitor() const {
    while (true) {
      const std::string id = database_.sql(
          "SELECT id FROM information_schema.processlist WHERE state = 'User lock' AND db = '" + name_ + "'");
      if (!id.empty()) return id;
    }
  }

 private:
  const TestDatabase& database_;
  std::string name_;
  std::unique_ptr<db::Connection> holder_;
};

void wait_for_retries(const StoreWorld& world, std::uint64_t count) {
  while (world.storage->retries() < count)
    greenrt::testing::let_poll();
}

SERVER_TEST(StorageFaults, TriesAgainWhenItsConnectionIsKilled) {
  StoreWorld world;
  Gate gate(world.database);
  auto storing = spawn([&] { return world.put(world.listener.frame().with(1)); });
  world.database.sql("KILL CONNECTION " + gate.wait_for_visitor());
  wait_for_retries(world, 1);
  gate.open();
  EXPECT_EQ(storing->get().stored, 1u);
  EXPECT_EQ(world.database.rows(), "1");
  EXPECT_EQ(world.storage->retries(), 1u);
}

SERVER_TEST(StorageFaults, TriesAgainWhenItsQueryIsKilled) {
  StoreWorld world;
  Gate gate(world.database);
  auto storing = spawn([&] { return world.put(world.listener.frame().with(1)); });
  world.database.sql("KILL QUERY " + gate.wait_for_visitor());
  wait_for_retries(world, 1);
  gate.open();
  EXPECT_EQ(storing->get().stored, 1u);
  EXPECT_EQ(world.database.rows(), "1");
  EXPECT_EQ(world.pool->stats().discarded, 0u) << "the connection is good";
}

SERVER_TEST(StorageFaults, StoresADatagramWholeAfterItWasInterrupted) {
  StoreWorld world;
  Gate gate(world.database, "NEW.frame_id = 2");
  auto storing = spawn([&] { return world.put(world.listener.frame().with(1).with(2).with(3)); });
  const auto session = gate.wait_for_visitor();
  EXPECT_EQ(world.database.rows(), "0") << "nobody sees a part of it";
  world.database.sql("KILL CONNECTION " + session);
  wait_for_retries(world, 1);
  gate.open();
  EXPECT_EQ(storing->get().stored, 3u);
  EXPECT_EQ(world.database.rows(), "3");
}

SERVER_TEST(StorageFaults, LeavesNothingOfABatchThatIsStoppedInItsMiddle) {
  StoreWorld world;
  Gate gate(world.database, "NEW.frame_id = 2");
  const auto frame = world.listener.frame().with(1).with(2);
  world.take(frame);
  const auto session = gate.wait_for_visitor();
  world.storage->stop();
  EXPECT_EQ(world.pool->stats().leased, 0u);
  EXPECT_EQ(world.pool->stats().discarded, 1u);
  EXPECT_EQ(world.storage->ledger().pending, 2u);
  gate.open();
  world.database.wait_for("SELECT COUNT(*) FROM information_schema.processlist WHERE id = " + session, "0");
  EXPECT_EQ(world.database.rows(), "0");
}

SERVER_TEST(StorageFaults, MayBeStoppedWhileItWaitsToTryAgain) {
  StoreWorld world;
  world.database.sql("RENAME TABLE frame TO elsewhere");
  const auto frame = world.listener.frame().with(1);
  world.take(frame);
  wait_for_retries(world, 1);
  world.storage->stop();
  EXPECT_EQ(world.pool->stats().leased, 0u);
}

SERVER_TEST(StorageFaults, TriesAgainAfterADeadlock) {
  StoreWorld world;
  const auto insert = [](int frame_id) {
    return "INSERT INTO frame (nserie, frame_id, codec, arrival, collector, digest, listener, auth_level, fields) "
           "VALUES ('D1', " +
           std::to_string(frame_id) + ", 'text', 1, 'other', 'x', 'l', 0, '{}')";
  };
  // The rival has changed more, so the server chooses the store's transaction to give way.
  const auto rival = world.database.connect();
  rival->execute("START TRANSACTION");
  for (int i = 100; i < 120; ++i)
    rival->execute(insert(i));
  rival->execute(insert(2));
  auto storing = spawn([&] { return world.put(world.listener.frame().with(1).with(2)); });
  world.database.wait_for(
      "SELECT variable_value FROM information_schema.global_status WHERE variable_name = "
      "'innodb_row_lock_current_waits'",
      "1");
  rival->execute(insert(1));
  rival->execute("ROLLBACK");
  EXPECT_EQ(storing->get().stored, 2u);
  EXPECT_EQ(world.pool->stats().errors[db::ErrorClass::kRetry], 1u);
  EXPECT_EQ(world.pool->stats().discarded, 0u) << "the connection is good";
  EXPECT_EQ(world.database.rows(), "2");
}

SERVER_TEST(StorageFaults, TriesAgainAfterAWaitForALockThatWasTooLong) {
  StoreWorld world([](db::ConnectOptions& options) { options.lock_wait_timeout = seconds(0); });
  world.put(world.listener.frame().with(1));
  const auto rival = world.database.connect();
  rival->execute("START TRANSACTION");
  rival->query("SELECT * FROM frame FOR UPDATE");
  auto storing = spawn([&] { return world.put(world.listener.frame(kArrival + 1).with(1)); });
  wait_for_retries(world, 6);  // beyond those that are made at once
  rival->execute("ROLLBACK");
  EXPECT_EQ(storing->get().duplicate, 1u);
  EXPECT_GE(world.pool->stats().errors[db::ErrorClass::kRollbackRetry], 6u);
  EXPECT_EQ(world.pool->stats().discarded, 0u);
}

// A row takes so long that not many can go together.
SERVER_TEST(StorageFaults, SendsFewerRecordsAtOnceToAServerThatIsSlow) {
  constexpr int kRecords = 200;
  StoreWorld world([](db::ConnectOptions& options) { options.query_timeout = std::chrono::seconds(1); });
  world.database.trigger("frame", "DO SLEEP(0.01)");
  std::deque<Frame> frames;
  for (int number = 1; number <= kRecords; ++number) {
    frames.push_back(world.listener.frame(kArrival + number).with(static_cast<std::uint64_t>(number)));
    world.take_soon(frames.back());
  }
  EXPECT_TRUE(world.storage->journal().flush(greenrt::Deadline::never()));
  world.wait_until_stored();
  EXPECT_EQ(world.database.rows(), std::to_string(kRecords));
  EXPECT_GE(world.storage->retries(), 1u);
}

SERVER_TEST(StorageFaults, WaitsForATableThatIsMissingAndSaysSo) {
  StoreWorld world;
  world.database.sql("RENAME TABLE frame TO elsewhere");
  auto storing = spawn([&] { return world.put(world.listener.frame().with(1).with(2)); });
  wait_for_retries(world, 1);
  EXPECT_THAT(world.storage->store_problem(), AllOf(HasSubstr("frame' doesn't exist"), HasSubstr("1146")));
  EXPECT_THAT(world.reporter.lines, Contains(AllOf(HasSubstr("store_stopped"), HasSubstr("doesn't exist"))));
  EXPECT_EQ(world.database.rows("dead_letter"), "0");
  world.database.sql("RENAME TABLE elsewhere TO frame");
  EXPECT_EQ(storing->get().stored, 2u);
  EXPECT_EQ(world.database.rows(), "2");
  EXPECT_EQ(world.storage->store_problem(), "");
}

SERVER_TEST(StorageFaults, GivesUpNothingThatCannotBeDeadLettered) {
  StoreWorld world;
  world.put(world.listener.frame().with(2, 1));
  world.database.trigger("dead_letter", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no letter'");
  auto storing = spawn([&] { return world.put(world.listener.frame(kArrival + 1).with(1).with(2, 9)); });
  wait_for_retries(world, 1);
  EXPECT_THAT(world.reporter.lines, Contains(HasSubstr("no letter")));
  EXPECT_EQ(world.database.rows(), "1") << "nothing of the datagram";
  world.database.sql("DROP TRIGGER before_dead_letter");
  EXPECT_EQ(storing->get().dead_lettered, 1u);
  EXPECT_EQ(world.database.rows(), "2");
}

SERVER_TEST(StorageFaults, SaysWhyThereIsNoConnection) {
  StoreWorld world([](db::ConnectOptions& options) { options.password = "not it"; });
  const auto frame = world.listener.frame().with(1);
  world.take(frame);
  wait_for_retries(world, 1);
  EXPECT_THAT(world.storage->store_problem(), HasSubstr("Access denied"));
}

// The server's limit on the size of a request, for a test; a connection knows the one of its beginning.
class SmallPackets {
 public:
  explicit SmallPackets(const TestDatabase& database) : database_(database) {
    database_.server().sql("SET GLOBAL max_allowed_packet = 16384");
  }
  ~SmallPackets() { database_.server().sql("SET GLOBAL max_allowed_packet = DEFAULT"); }
  SmallPackets(const SmallPackets&) = delete;
  SmallPackets& operator=(const SmallPackets&) = delete;

 private:
  const TestDatabase& database_;
};

SERVER_TEST(StorageFaults, SendsADatagramInStatementsThatTheServerTakes) {
  StoreWorld world;
  const SmallPackets small(world.database);
  TestListener keeping(true);
  auto frame = keeping.frame();
  frame.datagram.bytes.assign(3000, std::byte{'x'});
  for (std::uint64_t record = 1; record <= 10; ++record)
    frame.with(record);
  EXPECT_EQ(world.put(frame).stored, 10u);
  EXPECT_EQ(world.database.sql("SELECT COUNT(*), MIN(LENGTH(raw)) FROM frame"), "10\t3000");
  EXPECT_EQ(world.storage->retries(), 0u);
}

SERVER_TEST(StorageFaults, SendsDeadLettersInStatementsThatTheServerTakes) {
  StoreWorld world;
  const SmallPackets small(world.database);
  world.database.trigger("frame", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'");
  auto frame = world.listener.frame();
  frame.datagram.bytes.assign(3000, std::byte{'x'});
  for (std::uint64_t record = 1; record <= 10; ++record)
    frame.with(record);
  EXPECT_EQ(world.put(frame).dead_lettered, 10u);
  EXPECT_EQ(world.database.sql("SELECT COUNT(*), MIN(LENGTH(raw)) FROM dead_letter"), "10\t3000");
  EXPECT_EQ(world.storage->retries(), 0u);
  EXPECT_EQ(world.storage->letters_cut(), 0u);
}

SERVER_TEST(StorageFaults, CutsADeadLetterThatTheServerTakesNoRequestFor) {
  StoreWorld world;
  const SmallPackets small(world.database);
  world.database.trigger("frame", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'");
  auto frame = world.listener.frame().with(1);
  frame.datagram.bytes.assign(60'000, std::byte{'x'});
  EXPECT_EQ(world.put(frame).dead_lettered, 1u);
  EXPECT_EQ(world.database.sql("SELECT LENGTH(raw) FROM dead_letter"), "14848");
  EXPECT_THAT(world.database.sql("SELECT error FROM dead_letter"),
              StartsWith("cut to 14848 of 60000 bytes, for the server's max_allowed_packet; "));
  EXPECT_THAT(world.database.sql("SELECT error FROM dead_letter"), HasSubstr("not this one"));
  EXPECT_EQ(world.storage->letters_cut(), 1u);
  EXPECT_EQ(world.put(world.listener.frame(kArrival + 1).with(2)).dead_lettered, 1u) << "nobody is held up";
}

SERVER_TEST(StorageFaults, CutsADeadLetterWhenTheLimitSinksUnderIt) {
  StoreWorld world;
  world.put(world.listener.frame().with(100));  // over a connection that knows the old limit
  world.database.trigger("frame", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'");
  const SmallPackets small(world.database);
  auto frame = world.listener.frame(kArrival + 1).with(1);
  frame.datagram.bytes.assign(60'000, std::byte{'x'});
  EXPECT_EQ(world.put(frame).dead_lettered, 1u);
}

SERVER_TEST(StorageFaults, MakesItsStatementsSmallerWhenTheLimitSinksUnderIt) {
  StoreWorld world;
  world.put(world.listener.frame().with(100));  // over a connection that knows the old limit
  const SmallPackets small(world.database);
  TestListener keeping(true);
  auto frame = keeping.frame(kArrival + 1);
  frame.datagram.bytes.assign(3000, std::byte{'x'});
  for (std::uint64_t record = 1; record <= 10; ++record)
    frame.with(record);
  EXPECT_EQ(world.put(frame).stored, 10u);
  EXPECT_EQ(world.database.rows(), "11");
}

SERVER_TEST(StorageFaults, KnowsARecordWhoseStoringWasNotConfirmed) {
  AnswerThief thief(db::testing::server().port(), "D1");
  StoreWorld world([&](db::ConnectOptions& options) { options.endpoints[0].port = thief.port(); });
  world.put(world.listener.frame().with(1));
  thief.arm();
  const auto result = world.put(world.listener.frame(kArrival + 1).with(2));
  EXPECT_TRUE(thief.has_stolen());
  EXPECT_EQ(result.stored, 1u);
  EXPECT_EQ(result.duplicate, 0u);
  EXPECT_EQ(world.storage->retries(), 1u);
  EXPECT_EQ(world.database.rows(), "2");
}

SERVER_TEST(StorageFaults, KnowsADatagramWhoseCommitWasNotConfirmed) {
  AnswerThief thief(db::testing::server().port(), "COMMIT");
  StoreWorld world([&](db::ConnectOptions& options) { options.endpoints[0].port = thief.port(); });
  world.put(world.listener.frame().with(1).with(2));
  thief.arm();
  const auto result = world.put(world.listener.frame(kArrival + 1).with(2).with(3).with(4).with(4));
  EXPECT_TRUE(thief.has_stolen());
  EXPECT_EQ(result.stored, 2u);
  EXPECT_EQ(result.duplicate, 2u);
  EXPECT_EQ(world.storage->retries(), 1u);
  EXPECT_EQ(world.database.rows(), "4");
}

TEST(StorageFaults, StoresOnceAcrossACrashOfTheServer) {
  PrivateMariadb own;
  greenrt::testing::run_in_hub([&] {
    StoreWorld world(own);
    world.put(world.listener.frame().with(1));
    own.kill();
    auto one = spawn([&] { return world.put(world.listener.frame(kArrival + 1).with(2)); });
    auto several = spawn([&] { return world.put(world.listener.frame(kArrival + 2).with(3).with(4)); });
    while (world.pool->stats().connect_failures < 3)
      greenrt::testing::let_poll();
    own.start();
    EXPECT_EQ(one->get().stored, 1u);
    EXPECT_EQ(several->get().stored, 2u);
    EXPECT_EQ(world.database.rows(), "4");
  });
}

TEST(StorageFaults, StoresOnceWhenTheServerCrashesUnderIt) {
  PrivateMariadb own;
  greenrt::testing::run_in_hub([&] {
    StoreWorld world(own);
    auto gate = std::make_unique<Gate>(world.database, "NEW.frame_id = 2");
    auto storing = spawn([&] { return world.put(world.listener.frame().with(1).with(2).with(3)); });
    gate->wait_for_visitor();
    own.kill();
    gate.reset();
    own.start();
    EXPECT_EQ(storing->get().stored, 3u);
    EXPECT_EQ(world.database.rows(), "3");
  });
}

}  // namespace
}  // namespace hilera
