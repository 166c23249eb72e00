#include "daemon/dead_letter_table.h"

#include <limits>
#include <memory>

#include "tests/daemon/answer_thief.h"
#include "tests/daemon/store_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using enum DeadLetterOutcome;
using greenrt::spawn;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Ids = std::vector<std::uint64_t>;

constexpr seconds kTimeLimit{30};
constexpr std::uint64_t kNoBound = std::numeric_limits<std::uint64_t>::max();

// The storage of collector "host-a", which makes the letters, and their table.
struct World {
  explicit World(const Adjust& adjust = [](auto&) {}) : store(adjust) { table.know(store.listener.origin()); }

  // A datagram of text, with its records as the codec reads them.
  static Frame frame(TestListener& listener, std::string_view text) {
    Frame frame = listener.frame();
    const auto bytes = ingest::as_bytes(text);
    frame.datagram.bytes.assign(bytes.begin(), bytes.end());
    frame.datagram.origin->codec->decode(frame.datagram.bytes, frame.decoded);
    return frame;
  }
  // Stores it, with what must not be stored dead-lettered; the number of its first letter.
  std::uint64_t put(const Frame& frame) {
    store.put(frame);
    return last_letter();
  }
  // A record that is refused as long as refuse_no_more() was not called.
  std::uint64_t refused(std::string_view text = "+D1/1") {
    store.database.trigger("frame", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'");
    return put(frame(store.listener, text));
  }
  void refuse_no_more() const { sql("DROP TRIGGER before_frame"); }
  std::uint64_t refused_once(std::string_view text = "+D1/1") {
    const auto id = refused(text);
    refuse_no_more();
    return id;
  }
  // A record whose key has another content.
  std::uint64_t conflict(std::string_view text = "+D1/1") {
    const auto original = frame(store.listener, text);
    store.put(original);
    sql("UPDATE frame SET digest = 'another.' WHERE nserie = '" + std::string(original.decoded.nserie) + "'");
    return put(original);
  }

  [[nodiscard]] std::uint64_t last_letter() const { return std::stoull(sql("SELECT MAX(id) FROM dead_letter")); }
  std::string sql(const std::string& statement) const { return store.database.sql(statement); }
  [[nodiscard]] std::string frames() const { return store.database.rows(); }
  [[nodiscard]] std::string marked(std::uint64_t id) const {
    return sql("SELECT replayed_at IS NOT NULL FROM dead_letter WHERE id = " + std::to_string(id));
  }
  DeadLetterOutcome outcome(std::uint64_t id) { return table.replay(id).outcome; }
  Ids list(const DeadLetterTable::Filter& filter = {}, std::uint64_t before = kNoBound, std::uint64_t limit = 100) {
    Ids ids;
    for (const auto& row : table.list(filter, before, limit))
      ids.push_back(row.id);
    return ids;
  }
  Ids waiting(const DeadLetterTable::Filter& filter = {}, std::uint64_t after = 0, std::uint64_t limit = 100) {
    Ids ids;
    for (const auto& letter : table.waiting(filter, after, limit))
      ids.push_back(letter.id);
    return ids;
  }

  StoreWorld store;
  DeadLetterTable table{*store.pool, kTimeLimit};
};

SERVER_TEST(DeadLetterTable, PutsARecordBackAsItWouldHaveBeenStored) {
  World world;
  const auto id = world.refused();
  world.sql("UPDATE dead_letter SET collector = 'host-b', auth_level = 2, peer_ip = '2001:db8::7', peer_port = 65535");
  world.refuse_no_more();
  const auto replay = world.table.replay(id);
  EXPECT_EQ(replay.id, id);
  EXPECT_EQ(replay.nserie, "D1");
  EXPECT_EQ(replay.outcome, kReplayed);
  EXPECT_EQ(replay.detail, "");
  EXPECT_EQ(
      world.sql("SELECT nserie, frame_id, codec, arrival, collector, HEX(digest), device_time, listener, peer_ip, "
                "peer_port, auth_level, replayed, fields, raw FROM frame"),
      "D1\t1\ttext\t" + std::to_string(kArrival) +
          "\thost-b\t0000000000000001\tNULL\ttrackers\t2001:db8::7\t65535\t2\t1\t{}\tNULL");
  EXPECT_EQ(world.sql("SELECT ABS(TIMESTAMPDIFF(SECOND, replayed_at, UTC_TIMESTAMP(6))) < 60, raw FROM dead_letter"),
            "1\t+D1/1");
}

SERVER_TEST(DeadLetterTable, KeepsTheBytesWhereTheListenerWantsThem) {
  World world;
  TestListener keeping(true);
  world.table.know(keeping.origin());
  EXPECT_EQ(world.outcome(world.refused_once()), kReplayed);
  EXPECT_EQ(world.sql("SELECT raw FROM frame"), "+D1/1");
}

SERVER_TEST(DeadLetterTable, FindsTheRecordAmongThoseOfItsDatagram) {
  World world;
  world.store.database.trigger("frame",
                               "IF NEW.frame_id > 1 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF");
  const auto id = world.put(World::frame(world.store.listener, "2D1/1"));
  world.refuse_no_more();
  EXPECT_EQ(world.frames(), "1");
  EXPECT_EQ(world.outcome(id), kReplayed);
  EXPECT_EQ(world.sql("SELECT frame_id, replayed FROM frame ORDER BY frame_id"), "1\t0\n18446744073709551614\t1");
}

SERVER_TEST(DeadLetterTable, ReplaysOnce) {
  World world;
  const auto id = world.refused_once();
  EXPECT_EQ(world.outcome(id), kReplayed);
  const auto when = world.sql("SELECT replayed_at FROM dead_letter");
  EXPECT_EQ(world.outcome(id), kAlreadyReplayed);
  EXPECT_EQ(world.sql("SELECT replayed_at FROM dead_letter"), when);
  EXPECT_EQ(world.frames(), "1");
}

SERVER_TEST(DeadLetterTable, DoesNotBringBackWhatWasPurgedAfterItsReplay) {
  World world;
  const auto id = world.refused_once();
  EXPECT_EQ(world.outcome(id), kReplayed);
  world.sql("DELETE FROM frame");
  EXPECT_EQ(world.outcome(id), kAlreadyReplayed);
  EXPECT_EQ(world.frames(), "0");
}

SERVER_TEST(DeadLetterTable, MarksWhatIsStoredAlready) {
  World world;
  const auto id = world.refused_once();
  world.store.put(World::frame(world.store.listener, "+D1/1").at(kArrival + 7));
  EXPECT_EQ(world.outcome(id), kAlreadyStored);
  EXPECT_EQ(world.marked(id), "1");
  EXPECT_EQ(world.sql("SELECT arrival, replayed FROM frame"), std::to_string(kArrival + 7) + "\t0");
  EXPECT_EQ(world.outcome(id), kAlreadyReplayed);
}

SERVER_TEST(DeadLetterTable, LeavesAConflictUntilTheOtherContentIsGone) {
  World world;
  const auto id = world.conflict();
  const auto replay = world.table.replay(id);
  EXPECT_EQ(replay.outcome, kConflict);
  EXPECT_THAT(replay.detail, HasSubstr("same key"));
  EXPECT_EQ(world.marked(id), "0");
  EXPECT_EQ(world.sql("SELECT digest, replayed FROM frame"), "another.\t0");
  world.sql("DELETE FROM frame");
  EXPECT_EQ(world.outcome(id), kReplayed);
}

SERVER_TEST(DeadLetterTable, TellsWhyTheDatabaseStillRefusesARow) {
  World world;
  const auto id = world.refused();
  const auto replay = world.table.replay(id);
  EXPECT_EQ(replay.outcome, kRefused);
  EXPECT_THAT(replay.detail, HasSubstr("not this one"));
  EXPECT_EQ(world.marked(id), "0");
  EXPECT_EQ(world.store.pool->stats().leased, 0u);
  EXPECT_EQ(world.store.pool->stats().discarded, 0u) << "the connection is good";
  world.refuse_no_more();
  EXPECT_EQ(world.outcome(id), kReplayed);
}

SERVER_TEST(DeadLetterTable, StoresNothingThatItCannotMark) {
  World world;
  const auto id = world.refused_once();
  world.sql("CREATE TRIGGER no_mark BEFORE UPDATE ON dead_letter FOR EACH ROW SIGNAL SQLSTATE '45000'");
  EXPECT_EQ(world.outcome(id), kRefused);
  EXPECT_EQ(world.frames(), "0");
  world.sql("DROP TRIGGER no_mark");
  EXPECT_EQ(world.outcome(id), kReplayed);
}

SERVER_TEST(DeadLetterTable, SaysWhatItCannotRead) {
  World world;
  const auto id = world.refused_once();
  const auto why = [&](const std::string& assignment) {
    world.sql("UPDATE dead_letter SET " + assignment);
    const auto replay = world.table.replay(id);
    EXPECT_EQ(replay.outcome, kUnreadable) << assignment;
    return replay.detail;
  };
  EXPECT_THAT(why("raw = NULL"), HasSubstr("was not kept"));
  EXPECT_THAT(why("raw = 'nonsense'"), HasSubstr("no records of it: bad_letter"));
  EXPECT_THAT(why("raw = 'cD1/1'"), HasSubstr("no records of it"));
  EXPECT_THAT(why("raw = '+D1/2'"), HasSubstr("other records"));
  EXPECT_THAT(why("raw = '+D2/1'"), HasSubstr("other records"));
  EXPECT_THAT(why("raw = '+D1/1', digest = 'another.'"), HasSubstr("other records"));
  EXPECT_THAT(why("codec = 'of another version'"), HasSubstr("unknown_codec"));
  EXPECT_EQ(world.marked(id), "0");
  EXPECT_EQ(world.frames(), "0");
}

// The letter of a datagram that the codec of those days could not read.
std::uint64_t unreadable(const World& world, const std::string& text) {
  const auto id = world.store.database.connect()->execute(
      "INSERT INTO dead_letter (arrival, reason, error, listener, collector, codec, nserie, frame_id, digest, "
      "auth_level, raw) VALUES (7, 'unreadable', 'why', 'trackers', 'host-b', 'text', '', 99, 'content.', 2, ?)",
      {text});
  return id.insert_id();
}

SERVER_TEST(DeadLetterTable, PutsBackAllThatACodecMakesOfWhatWasUnreadable) {
  World world;
  const auto id = unreadable(world, "2D1/1");
  const auto replay = world.table.replay(id);
  EXPECT_EQ(replay.outcome, kReplayed);
  EXPECT_EQ(replay.nserie, "D1");
  EXPECT_EQ(world.sql("SELECT nserie, frame_id, HEX(digest), arrival, collector, auth_level, replayed FROM frame "
                      "ORDER BY frame_id"),
            "D1\t1\t0000000000000001\t7\thost-b\t2\t1\nD1\t18446744073709551614\t0000000000000001\t7\thost-b\t2\t1");
  EXPECT_EQ(world.outcome(id), kAlreadyReplayed);
}

SERVER_TEST(DeadLetterTable, PutsBackNothingOfWhatWasUnreadableWhileOneOfItsRecordsIsInConflict) {
  World world;
  world.store.put(World::frame(world.store.listener, "+D1/18446744073709551614"));
  world.sql("UPDATE frame SET digest = 'another.'");
  const auto id = unreadable(world, "2D1/1");
  EXPECT_EQ(world.outcome(id), kConflict);
  EXPECT_EQ(world.frames(), "1");
  EXPECT_EQ(world.marked(id), "0");
}

SERVER_TEST(DeadLetterTable, SaysThatWhatWasUnreadableStillIs) {
  World world;
  const auto id = unreadable(world, "nonsense");
  const auto replay = world.table.replay(id);
  EXPECT_EQ(replay.outcome, kUnreadable);
  EXPECT_THAT(replay.detail, HasSubstr("no records of it: bad_letter"));
  EXPECT_EQ(world.table.list({}, kNoBound, 1).at(0).obstacle, kUnreadable);
  EXPECT_THAT(world.waiting(), ElementsAre(id));
  EXPECT_THAT(world.waiting({.readable = true}), IsEmpty());
}

SERVER_TEST(DeadLetterTable, GivesTheBytesOfALetter) {
  World world;
  const auto id = world.refused();
  const auto letter = world.table.find(id);
  ASSERT_TRUE(letter);
  EXPECT_EQ(letter->row.id, id);
  EXPECT_EQ(letter->row.nserie, "D1");
  EXPECT_EQ(ingest::as_text(letter->raw), "+D1/1");
  EXPECT_FALSE(world.table.find(id + 1));
  world.sql("UPDATE dead_letter SET raw = NULL");
  EXPECT_TRUE(world.table.find(id)->raw.empty());
}

SERVER_TEST(DeadLetterTable, FindsThoseThatWaitAmongManyThatDoNot) {
  World world;
  world.sql(
      "INSERT INTO dead_letter (arrival, replayed_at, reason, listener, collector, codec, nserie, frame_id, digest, "
      "auth_level) SELECT seq, IF(seq % 1000, UTC_TIMESTAMP(6), NULL), 'refused', 'l', 'c', 'text', 'D1', seq, "
      "'content.', 0 FROM seq_1_to_5000");
  const auto rows_read = [&] {
    return std::stoull(
        world.sql("SELECT SUM(rows_read) FROM information_schema.table_statistics WHERE table_name = "
                  "'dead_letter' AND table_schema = DATABASE()"));
  };
  world.sql("ANALYZE TABLE dead_letter");
  world.sql("SET GLOBAL userstat = ON");
  world.sql("FLUSH TABLE_STATISTICS");
  EXPECT_EQ(world.waiting().size(), 5u);
  EXPECT_EQ(world.list({.replayed = false}).size(), 5u);
  EXPECT_LE(rows_read(), 100u);
  world.sql("SET GLOBAL userstat = OFF");
}

SERVER_TEST(DeadLetterTable, KnowsNothingOfWhatIsNotThere) {
  World world;
  const auto replay = world.table.replay(999'999);
  EXPECT_EQ(replay.outcome, kNotFound);
  EXPECT_EQ(replay.id, 999'999u);
  EXPECT_EQ(replay.nserie, "");
}

SERVER_TEST(DeadLetterTable, LetsOneOfTwoReplayALetter) {
  World world;
  for (int round = 0; round < 5; ++round) {
    const auto id = world.refused_once("+D1/" + std::to_string(round));
    auto one = spawn([&] { return world.outcome(id); });
    auto other = spawn([&] { return world.outcome(id); });
    EXPECT_THAT((std::vector{one->get(), other->get()}), UnorderedElementsAre(kReplayed, kAlreadyReplayed));
  }
  EXPECT_EQ(world.frames(), "5");
}

SERVER_TEST(DeadLetterTable, LeavesALetterThatSomebodyElseHolds) {
  World world([](db::ConnectOptions& options) { options.lock_wait_timeout = seconds(0); });
  const auto id = world.refused_once();
  const auto rival = world.store.database.connect();
  rival->execute("START TRANSACTION");
  rival->query("SELECT * FROM dead_letter FOR UPDATE");
  const auto replay = world.table.replay(id);
  EXPECT_EQ(replay.outcome, kLocked);
  EXPECT_THAT(replay.detail, HasSubstr("Lock wait timeout"));
  rival->execute("ROLLBACK");
  EXPECT_EQ(world.outcome(id), kReplayed);
}

SERVER_TEST(DeadLetterTable, NeedsNoMoreRightsThanStoringDoes) {
  World world;
  const auto id = world.refused_once();
  const auto& database = world.store.database;
  const std::string user = "'replay_" + database.name() + "'@'%'";
  database.server().sql("CREATE USER " + user + " IDENTIFIED BY '" + PrivateMariadb::kPassword + "'");
  database.server().sql("GRANT SELECT, INSERT, UPDATE ON " + database.name() + ".* TO " + user);
  auto options = database.options();
  options.user = "replay_" + database.name();
  TestPool pool(options);
  DeadLetterTable table(*pool, kTimeLimit);
  table.know(world.store.listener.origin());
  EXPECT_EQ(table.replay(id).outcome, kReplayed);
  EXPECT_EQ(table.list({}, kNoBound, 10).size(), 1u);
}

SERVER_TEST(DeadLetterTable, CountsWhatBecameOfReplays) {
  World world;
  const auto id = world.refused();
  world.outcome(id);
  world.refuse_no_more();
  world.outcome(id);
  world.outcome(id);
  world.outcome(999'999);
  EXPECT_EQ(world.table.count(kReplayed), 1u);
  Metrics metrics;
  world.table.declare_metrics(metrics);
  for (const char* series : {"refused\"} 1", "replayed\"} 1", "already_replayed\"} 1", "not_found\"} 1",
                             "already_stored\"} 0", "conflict\"} 0", "unreadable\"} 0", "locked\"} 0"})
    EXPECT_THAT(metrics.text(), HasSubstr("\nhilera_dead_letters_replayed_total{outcome=\"" + std::string(series)));
}

// Holds the key of record 1 of D1 in frame, at which a replay waits.
class Rival {
 public:
  explicit Rival(const World& world) : world_(world), connection_(world.store.database.connect()) {
    connection_->execute("START TRANSACTION");
    connection_->execute(
        "INSERT INTO frame (nserie, frame_id, codec, arrival, collector, digest, listener, auth_level, fields) "
        "VALUES ('D1', 1, 'text', 1, 'other', 'x', 'l', 0, '{}')");
  }
  // Until a replay waits; gives its session. The list may still show the rival's own statement, which has ended.
  [[nodiscard]] std::string wait_for_replay() const {
    while (true) {
      const std::string session =
          world_.sql("SELECT id FROM information_schema.processlist WHERE info LIKE 'INSERT INTO frame%' AND id <> " +
                     std::to_string(connection_->thread_id()));
      if (!session.empty()) return session;
    }
  }
  void leave() { connection_->execute("ROLLBACK"); }

 private:
  const World& world_;
  std::unique_ptr<db::Connection> connection_;
};

SERVER_TEST(DeadLetterTable, TriesAgainWhenItsConnectionIsLost) {
  World world;
  const auto id = world.refused_once();
  Rival rival(world);
  auto replaying = spawn([&] { return world.outcome(id); });
  world.sql("KILL CONNECTION " + rival.wait_for_replay());
  rival.leave();
  EXPECT_EQ(replaying->get(), kReplayed);
  EXPECT_EQ(world.frames(), "1");
  EXPECT_EQ(world.table.count(kReplayed), 1u);
}

SERVER_TEST(DeadLetterTable, KnowsAReplayWhoseCommitWasNotConfirmed) {
  AnswerThief thief(db::testing::server().port(), "COMMIT");
  World world([&](db::ConnectOptions& options) { options.endpoints[0].port = thief.port(); });
  const auto id = world.refused_once();
  thief.arm();
  EXPECT_EQ(world.outcome(id), kReplayed);
  EXPECT_TRUE(thief.has_stolen());
  EXPECT_EQ(world.frames(), "1");
  EXPECT_EQ(world.outcome(id), kAlreadyReplayed);
}

SERVER_TEST(DeadLetterTable, LeavesNothingOfAReplayThatIsKilled) {
  World world;
  const auto id = world.refused_once();
  Rival rival(world);
  auto replaying = spawn([&] { return world.outcome(id); });
  const auto session = rival.wait_for_replay();
  replaying->kill();
  EXPECT_EQ(world.store.pool->stats().leased, 0u);
  rival.leave();
  world.store.database.wait_for("SELECT COUNT(*) FROM information_schema.processlist WHERE id = " + session, "0");
  EXPECT_EQ(world.frames(), "0");
  EXPECT_EQ(world.marked(id), "0");
  EXPECT_EQ(world.outcome(id), kReplayed);
}

SERVER_TEST(DeadLetterTable, SaysWhenTheDatabaseCannotBeUsed) {
  World world;
  const auto id = world.refused_once();
  world.sql("RENAME TABLE dead_letter TO elsewhere");
  EXPECT_THROW(world.table.replay(id), db::Error);
  EXPECT_THROW(world.list(), db::Error);
  EXPECT_THROW(world.waiting(), db::Error);
  DeadLetterTable hurried(*world.store.pool, milliseconds(50));
  const std::vector<db::Lease> all = [&] {
    std::vector<db::Lease> leases;
    leases.push_back(world.store.pool->acquire());
    leases.push_back(world.store.pool->acquire());
    return leases;
  }();
  EXPECT_THROW(hurried.replay(id), db::PoolTimeout);
  EXPECT_EQ(world.table.count(kRefused), 0u) << "no outcome";
}

SERVER_TEST(DeadLetterTable, ListsTheNewestFirstByFilter) {
  World world;
  const auto first = world.refused_once("+D1/1");
  const auto second = world.conflict("+D2/1");
  const auto third = world.refused_once("+D1/2");
  EXPECT_EQ(world.outcome(third), kReplayed);
  EXPECT_THAT(world.list(), ElementsAre(third, second, first));
  EXPECT_THAT(world.list({}, third), ElementsAre(second, first));
  EXPECT_THAT(world.list({}, kNoBound, 1), ElementsAre(third));
  EXPECT_THAT(world.list({.nserie = "D1"}), ElementsAre(third, first));
  EXPECT_THAT(world.list({.nserie = "d1"}), IsEmpty());
  EXPECT_THAT(world.list({.reason = "conflict"}), ElementsAre(second));
  EXPECT_THAT(world.list({.nserie = "D1", .reason = "refused", .replayed = false}), ElementsAre(first));
  EXPECT_THAT(world.list({.replayed = true}), ElementsAre(third));
}

SERVER_TEST(DeadLetterTable, ListsAllThatIsKnownOfALetter) {
  World world;
  const auto id = world.refused();
  const auto row = world.table.list({}, kNoBound, 1).at(0);
  EXPECT_EQ(row.id, id);
  EXPECT_THAT(row.dead_at, HasSubstr(":"));
  EXPECT_EQ(row.nserie, "D1");
  EXPECT_EQ(row.frame_id, 1u);
  EXPECT_EQ(row.codec, "text");
  EXPECT_EQ(row.listener, "trackers");
  EXPECT_EQ(row.collector, "host-a");
  EXPECT_EQ(row.reason, "refused");
  EXPECT_THAT(row.error, HasSubstr("not this one"));
  EXPECT_EQ(row.arrival, kArrival);
  EXPECT_EQ(row.replayed_at, "");
  EXPECT_EQ(row.raw_size, 5u);
  EXPECT_EQ(row.obstacle, std::nullopt);
}

SERVER_TEST(DeadLetterTable, ListsWhatStandsInTheWay) {
  World world;
  const auto obstacle = [&](std::uint64_t id) { return world.table.list({}, id + 1, 1).at(0).obstacle; };
  const auto conflict = world.conflict("+D1/1");
  EXPECT_EQ(obstacle(conflict), kConflict);
  world.sql("DELETE FROM frame");
  EXPECT_EQ(obstacle(conflict), std::nullopt);
  world.store.put(World::frame(world.store.listener, "+D1/1"));
  EXPECT_EQ(obstacle(conflict), kAlreadyStored);
  world.outcome(conflict);
  EXPECT_EQ(obstacle(conflict), kAlreadyReplayed);
  const auto refused = world.refused_once("+D2/1");
  EXPECT_EQ(obstacle(refused), std::nullopt);
  world.sql("UPDATE dead_letter SET codec = 'lost'");
  EXPECT_EQ(obstacle(refused), kUnreadable);
  world.sql("UPDATE dead_letter SET codec = 'text', raw = NULL");
  EXPECT_EQ(obstacle(refused), kUnreadable);
}

SERVER_TEST(DeadLetterTable, GivesThoseThatWaitTheOldestFirst) {
  World world;
  const auto first = world.refused_once("+D1/1");
  const auto second = world.conflict("+D2/1");
  const auto third = world.refused_once("+D1/2");
  const auto fourth = world.refused_once("+D1/3");
  world.outcome(third);
  EXPECT_THAT(world.waiting(), ElementsAre(first, second, fourth));
  EXPECT_THAT(world.waiting({}, first, 1), ElementsAre(second));
  EXPECT_THAT(world.waiting({.nserie = "D1"}), ElementsAre(first, fourth));
  EXPECT_THAT(world.waiting({.reason = "conflict"}), ElementsAre(second));
  EXPECT_EQ(world.table.waiting({}, 0, 1).at(0).raw_size, 5u);
}

}  // namespace
}  // namespace hilera
