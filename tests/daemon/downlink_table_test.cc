#include "daemon/downlink_table.h"

#include <algorithm>

#include "tests/daemon/store_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using greenrt::spawn;
using ingest::Downlink;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Ids = std::vector<std::uint64_t>;

constexpr seconds kTimeLimit{30};
constexpr ingest::Attempt kRepeatable{.repeatable = true};
constexpr ingest::Attempt kOnce{.repeatable = false};

std::vector<std::byte> payload(std::string_view text) {
  const auto bytes = ingest::as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

// The table as collector "host-a" sees it.
struct World {
  TestDatabase database;
  TestPool pool{database.options(), 4};
  DownlinkTable table{"host-a", *pool, kTimeLimit};
  int devices = 0;

  // Without a name for a device of its own.
  std::uint64_t add(std::string_view nserie = {}, std::optional<std::uint64_t> max_attempts = {}) {
    return table.add({.nserie = nserie.empty() ? "X" + std::to_string(++devices) : std::string(nserie),
                      .payload = payload("hello"),
                      .max_attempts = max_attempts});
  }
  // Its answer did not come in time.
  void end_wait(std::uint64_t id) const { set("retry_at = NOW(6) - INTERVAL 1 SECOND", id); }
  // A number of rows, due one after the other, by SQL: number 1 first.
  void fill(int rows) const {
    database.sql(
        "INSERT INTO downlink (id, nserie, payload, not_before) SELECT seq, CONCAT('D', seq), 'p', "
        "NOW(6) - INTERVAL (1000000 - seq) SECOND FROM seq_1_to_" +
        std::to_string(rows));
  }
  [[nodiscard]] std::string column(const std::string& columns, std::uint64_t id) const {
    return database.sql("SELECT " + columns + " FROM downlink WHERE id = " + std::to_string(id));
  }
  void set(const std::string& assignments, std::uint64_t id) const {
    database.sql("UPDATE downlink SET " + assignments + " WHERE id = " + std::to_string(id));
  }
  void end_lease(std::uint64_t id) const { set("lease_until = NOW(6) - INTERVAL 1 SECOND", id); }

  // What is due to a collector that has just started.
  Ids due(std::size_t limit = 100) { return ids(DownlinkTable("host-b", *pool, kTimeLimit).due(limit)); }
  static Ids ids(const std::vector<Downlink>& downlinks) {
    Ids result;
    for (const Downlink& each : downlinks)
      result.push_back(each.id);
    return result;
  }
};

SERVER_TEST(DownlinkTable, GivesWhatWasAdded) {
  World world;
  const auto id = world.table.add({.nserie = "D1", .payload = {std::byte{0}, std::byte{255}}});
  const auto downlinks = world.table.due(10);
  ASSERT_EQ(downlinks.size(), 1u);
  EXPECT_EQ(downlinks[0].id, id);
  EXPECT_EQ(downlinks[0].nserie, "D1");
  EXPECT_EQ(downlinks[0].payload, (std::vector{std::byte{0}, std::byte{255}}));
  EXPECT_EQ(downlinks[0].answer_timeout, DownlinkTable::kAnswerTimeout);
  EXPECT_EQ(world.column("state, attempts, max_attempts, expires_at, lease_owner", id), "queued\t0\t3\tNULL\tNULL");
  world.set("attempts = 2", id);
  EXPECT_EQ(world.table.due_for("D1").value().answer_timeout, 4 * DownlinkTable::kAnswerTimeout);
}

SERVER_TEST(DownlinkTable, GivesTheOneThatIsDueLongestFirst) {
  World world;
  const auto late = world.add();
  const auto early = world.add();
  world.set("not_before = NOW(6) - INTERVAL 1 HOUR", early);
  EXPECT_THAT(world.due(), ElementsAre(early, late));
}

SERVER_TEST(DownlinkTable, GoesOnWhereItEndedAndBeginsAnew) {
  World world;
  world.fill(5);
  EXPECT_THAT(World::ids(world.table.due(2)), ElementsAre(1, 2));
  EXPECT_THAT(World::ids(world.table.due(2)), ElementsAre(3, 4));
  EXPECT_THAT(World::ids(world.table.due(2)), ElementsAre(5));
  EXPECT_THAT(World::ids(world.table.due(2)), ElementsAre(1, 2));
}

SERVER_TEST(DownlinkTable, BeginsAnewAfterABatchThatWasTheLast) {
  World world;
  world.fill(2);
  EXPECT_THAT(World::ids(world.table.due(2)), ElementsAre(1, 2));
  EXPECT_THAT(World::ids(world.table.due(2)), IsEmpty());
  EXPECT_THAT(World::ids(world.table.due(2)), ElementsAre(1, 2));
}

SERVER_TEST(DownlinkTable, GivesEachOfThoseThatAreDueAtTheSameMoment) {
  World world;
  world.fill(5);
  world.database.sql("UPDATE downlink SET not_before = '2020-01-01 00:00:00.123456'");
  EXPECT_THAT(World::ids(world.table.due(2)), ElementsAre(1, 2));
  EXPECT_THAT(World::ids(world.table.due(2)), ElementsAre(3, 4));
  EXPECT_THAT(World::ids(world.table.due(2)), ElementsAre(5));
}

SERVER_TEST(DownlinkTable, GivesNothingForNoRoom) {
  World world;
  world.fill(2);
  EXPECT_THAT(world.table.due(0), IsEmpty());
}

SERVER_TEST(DownlinkTable, WaitsUntilTheTimeHasCome) {
  World world;
  const auto id = world.table.add({.nserie = "D1", .payload = payload("later"), .delay = seconds(3600)});
  EXPECT_THAT(world.due(), IsEmpty());
  world.set("not_before = not_before - INTERVAL 1 HOUR", id);
  EXPECT_THAT(world.due(), ElementsAre(id));
}

SERVER_TEST(DownlinkTable, GivesAtOnceWhatAnOperatorInsertsInAnotherTimeZone) {
  World world;
  const auto operator_session = world.database.connect();
  operator_session->execute("SET time_zone = '+05:00'");
  operator_session->execute("INSERT INTO downlink (nserie, payload) VALUES ('D1', 'hello')");
  EXPECT_THAT(world.due(), ElementsAre(1));
}

SERVER_TEST(DownlinkTable, ReadsAsManyRowsAsItGives) {
  World world;
  world.fill(3000);
  world.database.sql("UPDATE downlink SET state = 'sent' WHERE id <= 1000");
  world.table.due(1);  // settles what is overdue, which looks at all that is queued
  TestPool one(world.database.options(), 1);
  DownlinkTable table("host-b", *one, kTimeLimit);
  table.due(10);
  one->acquire()->execute("FLUSH STATUS");
  EXPECT_EQ(table.due(10).size(), 10u);
  const auto reads = one->acquire()->query(
      "SELECT SUM(variable_value) FROM information_schema.session_status WHERE variable_name LIKE 'handler_read%'");
  EXPECT_LE(reads[0].int64(0), 60);
}

SERVER_TEST(DownlinkTable, CountsAnAttemptAndLeasesTheRow) {
  World world;
  const auto id = world.add();
  const auto downlinks = world.table.due(10);
  EXPECT_TRUE(world.table.begin_attempt(downlinks[0], kRepeatable));
  EXPECT_EQ(world.column("state, attempts, lease_owner, lease_until > NOW(6) + INTERVAL 50 SECOND", id),
            "queued\t1\thost-a\t1");
  EXPECT_THAT(world.due(), IsEmpty()) << "for others, and for ourselves";
  EXPECT_THAT(world.table.due(10), IsEmpty());
}

SERVER_TEST(DownlinkTable, LetsOneCollectorOfTwoMakeAnAttempt) {
  World world;
  DownlinkTable other("host-b", *world.pool, kTimeLimit);
  for (int round = 0; round < 5; ++round) {
    const Downlink downlink{.id = world.add(), .nserie = {}, .payload = {}};
    auto ours = spawn([&] { return world.table.begin_attempt(downlink, kRepeatable); });
    auto theirs = spawn([&] { return other.begin_attempt(downlink, kRepeatable); });
    EXPECT_NE(ours->get(), theirs->get());
    EXPECT_EQ(world.column("attempts", downlink.id), "1");
  }
}

SERVER_TEST(DownlinkTable, BeginsNoAttemptAtWhatIsOver) {
  World world;
  const auto refused = [&](const std::string& assignments) {
    const Downlink downlink{.id = world.add(), .nserie = {}, .payload = {}};
    world.set(assignments, downlink.id);
    return !world.table.begin_attempt(downlink, kRepeatable);
  };
  EXPECT_TRUE(refused("state = 'sent'"));
  EXPECT_TRUE(refused("state = 'cancelled'"));
  EXPECT_TRUE(refused("expires_at = NOW(6)"));
  EXPECT_TRUE(refused("attempts = max_attempts"));
  EXPECT_TRUE(refused("lease_owner = 'host-b', lease_until = NOW(6) + INTERVAL 1 MINUTE"));
  EXPECT_FALSE(refused("lease_owner = 'host-b', lease_until = NOW(6)"));
  EXPECT_FALSE(world.table.begin_attempt({.id = 999'999, .nserie = {}, .payload = {}}, kRepeatable));
}

SERVER_TEST(DownlinkTable, MarksWhatWasSent) {
  World world;
  const Downlink downlink{.id = world.add(), .nserie = {}, .payload = {}};
  world.table.begin_attempt(downlink, kRepeatable);
  world.table.mark_sent(downlink, true);
  EXPECT_EQ(world.column("state, attempts, ABS(TIMESTAMPDIFF(SECOND, sent_at, UTC_TIMESTAMP(6))) < 60, lease_owner, "
                         "lease_until, last_error",
                         downlink.id),
            "sent\t1\t1\tNULL\tNULL\tNULL");
  EXPECT_THAT(world.due(), IsEmpty());
}

SERVER_TEST(DownlinkTable, TriesAgainWhileThereAreAttemptsLeft) {
  World world;
  const Downlink downlink{.id = world.add("D1", 2), .nserie = {}, .payload = {}};
  world.table.begin_attempt(downlink, kRepeatable);
  world.table.mark_failed(downlink, "no route", true);
  EXPECT_EQ(world.column("state, attempts, last_error, lease_until", downlink.id), "queued\t1\tno route\tNULL");
  EXPECT_THAT(world.due(), IsEmpty()) << "not at once";
  world.end_wait(downlink.id);
  EXPECT_THAT(world.due(), ElementsAre(downlink.id));
  world.table.begin_attempt(downlink, kRepeatable);
  world.table.mark_failed(downlink, "no route", true);
  EXPECT_EQ(world.column("state, attempts", downlink.id), "failed\t2");
  EXPECT_THAT(world.due(), IsEmpty());
}

SERVER_TEST(DownlinkTable, GivesUpWhatCannotBeSent) {
  World world;
  const Downlink downlink{.id = world.add(), .nserie = {}, .payload = {}};
  world.table.mark_failed(downlink, "too long: \xff " + std::string(300, 'x'), false);
  EXPECT_EQ(world.column("state, attempts, LEFT(last_error, 16), CHAR_LENGTH(last_error)", downlink.id),
            "failed\t0\ttoo long: \\xff x\t255");
}

SERVER_TEST(DownlinkTable, FailsNothingThatAnotherCollectorIsSending) {
  World world;
  DownlinkTable other("host-b", *world.pool, kTimeLimit);
  const Downlink downlink{.id = world.add(), .nserie = {}, .payload = {}};
  other.begin_attempt(downlink, kRepeatable);
  world.table.mark_failed(downlink, "our codec cannot carry it", false);
  EXPECT_EQ(world.column("state", downlink.id), "queued");
  other.mark_sent(downlink, true);
  EXPECT_EQ(world.column("state", downlink.id), "sent");
}

SERVER_TEST(DownlinkTable, TriesAgainAfterACrashBetweenAttemptAndMark) {
  World world;
  const auto id = world.add();
  world.table.begin_attempt({.id = id, .nserie = {}, .payload = {}}, kRepeatable);
  EXPECT_THAT(world.due(), IsEmpty()) << "it may still be on its way";
  world.end_lease(id);
  EXPECT_THAT(world.due(), ElementsAre(id));
  EXPECT_EQ(world.column("state, attempts", id), "queued\t1");
}

SERVER_TEST(DownlinkTable, SaysThatTheOutcomeOfTheLastAttemptIsUnknown) {
  World world;
  const auto id = world.add("D1", 1);
  world.table.begin_attempt({.id = id, .nserie = {}, .payload = {}}, kRepeatable);
  EXPECT_THAT(world.due(), IsEmpty());
  EXPECT_EQ(world.column("state", id), "queued");
  world.end_lease(id);
  EXPECT_THAT(world.due(), IsEmpty());
  EXPECT_EQ(world.column("state, last_error, lease_owner", id),
            "failed\tthe outcome of the last attempt is unknown\tNULL");
}

SERVER_TEST(DownlinkTable, ExpiresWhatWasNotSentInTime) {
  World world;
  const auto id = world.table.add({.nserie = "D1", .payload = payload("soon"), .expires_in = seconds(3600)});
  EXPECT_THAT(world.due(), ElementsAre(id));
  world.set("expires_at = expires_at - INTERVAL 1 HOUR", id);
  EXPECT_THAT(world.due(), IsEmpty());
  EXPECT_EQ(world.column("state, last_error", id), "expired\tNULL");
}

SERVER_TEST(DownlinkTable, TellsAnAttemptOfUnknownOutcomeOfWhatHasExpired) {
  World world;
  const auto id = world.add();
  world.table.begin_attempt({.id = id, .nserie = {}, .payload = {}}, kRepeatable);
  world.set("expires_at = NOW(6)", id);
  EXPECT_THAT(world.due(), IsEmpty());
  EXPECT_EQ(world.column("state", id), "queued") << "the attempt may still succeed";
  world.end_lease(id);
  EXPECT_THAT(world.due(), IsEmpty());
  EXPECT_EQ(world.column("state, last_error", id), "expired\tthe outcome of the last attempt is unknown");
}

SERVER_TEST(DownlinkTable, GivesNothingExpiredEvenBeforeItIsSettled) {
  World world;
  EXPECT_THAT(world.table.due(10), IsEmpty());  // settles: not again for a while
  const auto id = world.add();
  world.set("expires_at = NOW(6)", id);
  EXPECT_THAT(world.table.due(10), IsEmpty());
}

SERVER_TEST(DownlinkTable, SettlesAnyNumberALimitedNumberAtATime) {
  World world;
  world.fill(250);
  world.database.sql("UPDATE downlink SET expires_at = NOW(6)");
  world.table.due(10);
  EXPECT_EQ(world.database.sql("SELECT COUNT(*) FROM downlink WHERE state = 'expired'"), "100");
  world.table.due(10);
  world.table.due(10);
  EXPECT_EQ(world.database.sql("SELECT COUNT(*) FROM downlink WHERE state = 'expired'"), "250");
}

SERVER_TEST(DownlinkTable, MarksInSpiteOfALostConnection) {
  World world;
  const Downlink downlink{.id = world.add(), .nserie = {}, .payload = {}};
  world.table.begin_attempt(downlink, kRepeatable);
  const auto rival = world.database.connect();
  rival->execute("START TRANSACTION");
  rival->query("SELECT * FROM downlink FOR UPDATE");
  auto marking = spawn([&] { world.table.mark_sent(downlink, true); });
  const std::string who = "SELECT id FROM information_schema.processlist WHERE info LIKE 'UPDATE downlink SET state%'";
  std::string session;
  while ((session = world.database.sql(who)).empty()) {
  }
  world.database.sql("KILL CONNECTION " + session);
  rival->execute("ROLLBACK");
  marking->join();
  EXPECT_TRUE(marking->successful());
  EXPECT_EQ(world.column("state", downlink.id), "sent");
}

SERVER_TEST(DownlinkTable, LetsAMarkBeBrokenOffThoughItIsShielded) {
  World world;
  const Downlink downlink{.id = world.add(), .nserie = {}, .payload = {}};
  world.table.begin_attempt(downlink, kRepeatable);
  const auto rival = world.database.connect();
  rival->execute("START TRANSACTION");
  rival->query("SELECT * FROM downlink FOR UPDATE");
  auto marking = spawn([&] {
    const greenrt::Shield shield;
    EXPECT_THROW(world.table.mark_sent(downlink, true), db::PoolClosed);
  });
  const std::string who = "SELECT id FROM information_schema.processlist WHERE info LIKE 'UPDATE downlink SET state%'";
  while (world.database.sql(who).empty()) {
  }
  world.pool->close();
  world.table.break_off();
  EXPECT_TRUE(marking->join(seconds(10))) << "the row is locked until the end of the test";
  world.table.break_off();  // nothing is under way
}

SERVER_TEST(DownlinkTable, LetsTheBeginOfAnAttemptBeBrokenOff) {
  World world;
  const Downlink downlink{.id = world.add(), .nserie = {}, .payload = {}};
  const auto rival = world.database.connect();
  rival->execute("LOCK TABLES downlink WRITE");
  auto beginning = spawn([&] {
    const greenrt::Shield shield;
    EXPECT_THROW(world.table.begin_attempt(downlink, kRepeatable), db::Error);
  });
  const std::string who = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT d.id FROM downlink%'";
  while (world.database.sql(who).empty()) {
  }
  world.pool->close();
  world.table.break_off();
  EXPECT_TRUE(beginning->join(seconds(10))) << "the table is locked until the end of the test";
}

SERVER_TEST(DownlinkTable, SaysWhatIsWrongWithTheTable) {
  World world;
  world.database.sql("RENAME TABLE downlink TO elsewhere");
  const Downlink downlink{.id = 1, .nserie = {}, .payload = {}};
  EXPECT_THROW(world.table.due(1), db::Error);
  EXPECT_THROW(world.table.begin_attempt(downlink, kRepeatable), db::Error);
  EXPECT_THROW(world.table.mark_sent(downlink, true), db::Error);
  EXPECT_THROW(world.table.mark_failed(downlink, "x", true), db::Error);
  EXPECT_THROW(world.add(), db::Error);
  EXPECT_THROW(world.table.cancel(1), db::Error);
  EXPECT_THROW(world.table.list("", "", 1), db::Error);
}

SERVER_TEST(DownlinkTable, EndsAtItsTimeLimit) {
  World world;
  DownlinkTable hurried("host-a", *world.pool, milliseconds(50));
  std::vector<db::Lease> all;
  for (int i = 0; i < 4; ++i)
    all.push_back(world.pool->acquire());
  EXPECT_THROW(hurried.due(1), db::PoolTimeout);
  EXPECT_THROW(hurried.mark_sent({.id = 1, .nserie = {}, .payload = {}}, true), db::PoolTimeout);
}

SERVER_TEST(DownlinkTable, CancelsWhatIsQueuedAndNotOnItsWay) {
  World world;
  const auto id = world.add();
  EXPECT_TRUE(world.table.cancel(id));
  EXPECT_FALSE(world.table.cancel(id));
  EXPECT_FALSE(world.table.cancel(999'999));
  EXPECT_EQ(world.column("state", id), "cancelled");
  const auto leased = world.add();
  world.table.begin_attempt({.id = leased, .nserie = {}, .payload = {}}, kRepeatable);
  EXPECT_FALSE(world.table.cancel(leased));
  world.end_lease(leased);
  EXPECT_TRUE(world.table.cancel(leased));
}

SERVER_TEST(DownlinkTable, ListsTheNewestFirst) {
  World world;
  const auto first = world.add("D1");
  const auto second = world.add("D2");
  const auto third = world.add("D1");
  world.table.mark_sent({.id = third, .nserie = {}, .payload = {}}, true);
  const auto listed = [&](std::string_view nserie, std::string_view state, std::uint64_t limit) {
    Ids result;
    for (const auto& row : world.table.list(nserie, state, limit))
      result.push_back(row.id);
    return result;
  };
  EXPECT_THAT(listed("", "", 10), ElementsAre(third, second, first));
  EXPECT_THAT(listed("", "", 2), ElementsAre(third, second));
  EXPECT_THAT(listed("D1", "", 10), ElementsAre(third, first));
  EXPECT_THAT(listed("", "queued", 10), ElementsAre(second, first));
  EXPECT_THAT(listed("D1", "sent", 10), ElementsAre(third));
  EXPECT_THAT(listed("D3", "", 10), IsEmpty());

  const auto row = world.table.list("D1", "sent", 1).at(0);
  EXPECT_EQ(row.nserie, "D1");
  EXPECT_EQ(row.state, "sent");
  EXPECT_EQ(row.attempts, 0u);
  EXPECT_EQ(row.payload_size, 5u);
  EXPECT_THAT(row.created_at, HasSubstr(":"));
  EXPECT_THAT(row.sent_at, HasSubstr(":"));
  EXPECT_EQ(row.last_error, "");
}

// --- what devices say ----------------------------------------------------------------------------------------------

using ingest::DownlinkAnswer;
using Outcome = DownlinkAnswer::Outcome;
constexpr std::uint64_t kAllBits = ~std::uint64_t{0};

struct AnsweredWorld : World {
  // One that was sent.
  std::uint64_t sent(std::string_view nserie = "D1", std::uint64_t max_attempts = 3, bool answered = true) {
    const auto id = add(nserie, max_attempts);
    send(id, kRepeatable, answered);
    return id;
  }
  void send(std::uint64_t id, const ingest::Attempt& attempt = kRepeatable, bool answered = true) {
    const Downlink downlink{.id = id};
    EXPECT_TRUE(table.begin_attempt(downlink, attempt));
    table.mark_sent(downlink, answered);
  }
  // Settles what is overdue, as a collector that has just started.
  void settle() { due(); }
  bool answer(std::uint64_t id, Outcome outcome, std::uint64_t bits = kAllBits, std::string_view text = "",
              std::string_view nserie = "D1") {
    return table.mark_answered(nserie, {.id = id, .id_bits = bits, .outcome = outcome}, text);
  }
};

SERVER_TEST(DownlinkTable, IsDeliveredWhenTheDeviceSaysSo) {
  AnsweredWorld world;
  const auto id = world.sent();
  EXPECT_TRUE(world.answer(id, Outcome::kDelivered, kAllBits, "done"));
  EXPECT_EQ(world.column("state, answer, last_error, delivered_at >= sent_at", id), "delivered\tdone\tNULL\t1");
  EXPECT_FALSE(world.answer(id, Outcome::kDelivered)) << "that was known";
  EXPECT_FALSE(world.answer(id, Outcome::kFailed));
  EXPECT_EQ(world.column("state", id), "delivered");
}

SERVER_TEST(DownlinkTable, BelievesAnAnswerThatIsFasterThanTheMark) {
  AnsweredWorld world;
  const auto id = world.add("D1");
  const Downlink downlink{.id = id, .nserie = "D1"};
  EXPECT_FALSE(world.answer(id, Outcome::kDelivered)) << "nothing was sent yet";
  EXPECT_TRUE(world.table.begin_attempt(downlink, kRepeatable));
  EXPECT_TRUE(world.answer(id, Outcome::kDelivered));
  world.table.mark_sent(downlink, true);
  EXPECT_EQ(world.column("state, lease_owner", id), "delivered\tNULL");
}

SERVER_TEST(DownlinkTable, BelievesADeviceThatAnswersLate) {
  AnsweredWorld world;
  const auto given_up = [&](const std::string& assignments) {
    const auto id = world.sent();
    world.set(assignments + ", retry_at = NULL", id);
    return id;
  };
  const auto failed = given_up("state = 'failed', last_error = 'gave up'");
  const auto expired = given_up("state = 'expired'");
  const auto cancelled = given_up("state = 'cancelled'");
  const auto queued_again = given_up("state = 'queued'");
  EXPECT_TRUE(world.answer(failed, Outcome::kDelivered));
  EXPECT_TRUE(world.answer(expired, Outcome::kDelivered));
  EXPECT_FALSE(world.answer(cancelled, Outcome::kDelivered));
  EXPECT_TRUE(world.answer(queued_again, Outcome::kDelivered));
  EXPECT_EQ(world.column("state, last_error", failed), "delivered\tNULL");
}

SERVER_TEST(DownlinkTable, BelievesNobodyElse) {
  AnsweredWorld world;
  const auto id = world.sent();
  EXPECT_FALSE(world.answer(id, Outcome::kDelivered, kAllBits, "", "D2"));
  EXPECT_FALSE(world.answer(id + 1, Outcome::kDelivered));
  EXPECT_EQ(world.column("state", id), "sent");
}

SERVER_TEST(DownlinkTable, FindsARowByAPartOfItsNumber) {
  AnsweredWorld world;
  world.database.sql("ALTER TABLE downlink AUTO_INCREMENT = 131070");
  const auto first = world.sent("D1", 3, false);   // 0x1FFFE
  const auto second = world.sent("D1", 3, false);  // 0x1FFFF
  EXPECT_TRUE(world.answer(0xFFFF, Outcome::kDelivered, 0xFFFF));
  EXPECT_EQ(world.column("state", first), "sent");
  EXPECT_EQ(world.column("state", second), "delivered");
}

SERVER_TEST(DownlinkTable, TakesTheOneThatIsUnderWayBeforeAnOlderOneWithTheSamePartOfItsNumber) {
  AnsweredWorld world;
  const auto failed = world.sent();
  world.set("state = 'failed', retry_at = NULL", failed);
  world.database.sql("ALTER TABLE downlink AUTO_INCREMENT = " + std::to_string(failed + 0x10000));
  const auto under_way = world.sent();
  EXPECT_EQ(under_way, failed + 0x10000);
  EXPECT_TRUE(world.answer(failed, Outcome::kDelivered, 0xFFFF));
  EXPECT_EQ(world.column("state", failed), "failed");
  EXPECT_EQ(world.column("state", under_way), "delivered");
}

SERVER_TEST(DownlinkTable, BelievesNothingUnprovedOfADeviceThatHasProvedItself) {
  AnsweredWorld world;
  world.database.sql(
      "INSERT INTO device (nserie, codec, first_seen, last_seen, peer_ip, peer_port, listener, collector, "
      "last_arrival, "
      "auth_level, last_epoch, last_sequence) VALUES ('D1', 'native', NOW(), NOW(), '::1', 1, 'l', 'host-a', 1, 2, 3, "
      "9)");
  const auto number = [](std::uint64_t epoch, std::uint64_t sequence) { return epoch << 32 | sequence; };
  const Downlink downlink{.id = world.add("D1"), .nserie = {}, .payload = {}};
  const auto begin = [&](std::uint64_t heard_number, std::string_view codec = "native") {
    return world.table.begin_attempt(downlink,
                                     {.repeatable = true, .guarded_codec = codec, .heard_number = heard_number});
  };
  EXPECT_FALSE(begin(0)) << "where it was heard it proved nothing";
  EXPECT_FALSE(begin(number(3, 8))) << "with an old number";
  EXPECT_TRUE(begin(number(3, 9)));
  world.table.mark_sent(downlink, true);
  const DownlinkAnswer answer{.id = downlink.id, .id_bits = kAllBits};
  EXPECT_FALSE(world.table.mark_answered("D1", answer, "", "native"));
  EXPECT_EQ(world.column("state", downlink.id), "sent");
  EXPECT_TRUE(world.table.mark_answered("D1", answer, "", "text")) << "under another codec it has proved nothing";
  EXPECT_EQ(world.column("state", downlink.id), "delivered");
}

SERVER_TEST(DownlinkTable, TakesTheOneThatIsUnderWayWhereTheAnswerHasNoNumber) {
  AnsweredWorld world;
  const auto nobody_waits = world.sent("D1", 3, false);
  const auto given_up = world.sent();
  world.set("state = 'failed', retry_at = NULL", given_up);
  EXPECT_FALSE(world.answer(0, Outcome::kDelivered, 0)) << "what has ended is not guessed at";
  const auto under_way = world.sent();
  const auto next = world.add("D1");
  EXPECT_TRUE(world.answer(0, Outcome::kDelivered, 0));
  EXPECT_FALSE(world.answer(0, Outcome::kDelivered, 0)) << "nothing of the next one was sent";
  EXPECT_EQ(world.column("state", nobody_waits), "sent");
  EXPECT_EQ(world.column("state", under_way), "delivered");
  EXPECT_EQ(world.column("state", next), "queued");
}

SERVER_TEST(DownlinkTable, KeepsAsMuchOfALongAnswerAsThereIsRoomFor) {
  AnsweredWorld world;
  const auto id = world.sent();
  EXPECT_TRUE(world.answer(id, Outcome::kDelivered, kAllBits, std::string(1024, '\xff')));
  EXPECT_EQ(world.column("state, LENGTH(answer), LEFT(answer, 8)", id), "delivered\t1024\t\\xff\\xff");
}

SERVER_TEST(DownlinkTable, HasFailedWhenTheDeviceRefuses) {
  AnsweredWorld world;
  const auto id = world.sent();
  EXPECT_TRUE(world.answer(id, Outcome::kFailed, kAllBits, "TOO_LATE"));
  EXPECT_EQ(world.column("state, last_error, answer, delivered_at", id), "failed\tTOO_LATE\tTOO_LATE\tNULL");
}

SERVER_TEST(DownlinkTable, WaitsForADeviceThatSaysNotNowAsLongAsThereAreAttempts) {
  AnsweredWorld world;
  const auto id = world.sent("D1", 2);
  const auto next = world.add("D1");
  EXPECT_TRUE(world.answer(id, Outcome::kNotNow));
  EXPECT_EQ(world.column("state, attempts, retry_at > NOW(6) + INTERVAL 20 SECOND", id), "queued\t1\t1");
  EXPECT_THAT(world.due(), IsEmpty()) << "neither this one nor the one behind it";
  world.end_wait(id);
  EXPECT_THAT(world.due(), ElementsAre(id));
  world.send(id);
  EXPECT_TRUE(world.answer(id, Outcome::kNotNow));
  EXPECT_EQ(world.column("state, last_error", id), "failed\tthe device: not now");
  EXPECT_THAT(world.due(), ElementsAre(next));
}

// --- one at a time -------------------------------------------------------------------------------------------------

SERVER_TEST(DownlinkTable, GivesTheNextOneOfADeviceWhenTheOneBeforeHasEnded) {
  AnsweredWorld world;
  const auto first = world.add("D1");
  const auto second = world.add("D1");
  const auto other = world.add("D2");
  EXPECT_THAT(world.due(), ElementsAre(first, other));
  EXPECT_FALSE(world.table.begin_attempt({.id = second}, kRepeatable)) << "it is not its turn";
  world.send(first);
  EXPECT_THAT(world.due(), ElementsAre(other)) << "an answer is waited for";
  EXPECT_FALSE(world.table.begin_attempt({.id = second}, kRepeatable));
  EXPECT_TRUE(world.answer(first, Outcome::kDelivered));
  EXPECT_THAT(world.due(), ElementsAre(second, other));
}

SERVER_TEST(DownlinkTable, WaitsForNoAnswerWhereNoneWillCome) {
  AnsweredWorld world;
  const auto first = world.sent("D1", 3, false);
  const auto second = world.add("D1");
  EXPECT_EQ(world.column("state, retry_at", first), "sent\tNULL");
  EXPECT_THAT(world.due(), ElementsAre(second));
  EXPECT_TRUE(world.answer(first, Outcome::kDelivered)) << "should one come after all";
}

SERVER_TEST(DownlinkTable, GivesTheOneOfADeviceThatIsAskedFor) {
  AnsweredWorld world;
  const auto later = world.add("D1");
  const auto first = world.add("D1");
  world.set("not_before = NOW(6) - INTERVAL 1 HOUR", first);
  world.add("D2");
  ASSERT_TRUE(world.table.due_for("D1"));
  EXPECT_EQ(world.table.due_for("D1")->id, first);
  EXPECT_EQ(world.table.due_for("D1")->payload, payload("hello"));
  EXPECT_FALSE(world.table.due_for("D3"));
  world.send(first);
  EXPECT_FALSE(world.table.due_for("D1"));
  EXPECT_TRUE(world.answer(first, Outcome::kDelivered));
  EXPECT_EQ(world.table.due_for("D1")->id, later);
}

SERVER_TEST(DownlinkTable, IsNotHeldUpByAnyNumberOfRowsForOneDevice) {
  AnsweredWorld world;
  world.sent("silent");
  world.database.sql(
      "INSERT INTO downlink (nserie, payload, not_before) SELECT 'silent', 'p', NOW(6) - INTERVAL 1 HOUR "
      "FROM seq_1_to_500");
  const auto other = world.add("D2");
  EXPECT_THAT(World::ids(world.table.due(2)), ElementsAre(other));
}

// --- silence -------------------------------------------------------------------------------------------------------

SERVER_TEST(DownlinkTable, WaitsTwiceAsLongWithEachAttempt) {
  AnsweredWorld world;
  const auto id = world.add("D1", 100);
  for (const int wait : {30, 60, 120}) {
    world.send(id);
    EXPECT_EQ(world.column("state, ROUND(TIMESTAMPDIFF(MICROSECOND, sent_at, retry_at) / 1e6)", id),
              "sent\t" + std::to_string(wait));
    world.end_wait(id);
    EXPECT_THAT(world.due(), ElementsAre(id));
    EXPECT_EQ(world.column("state, last_error, retry_at", id), "queued\tno answer\tNULL");
  }
  world.set("attempts = 70", id);
  world.send(id);
  EXPECT_EQ(world.column("ROUND(TIMESTAMPDIFF(MICROSECOND, sent_at, retry_at) / 1e6)", id), "3600");
}

SERVER_TEST(DownlinkTable, TriesAgainBeforeItSendsTheNextOneOfTheDevice) {
  AnsweredWorld world;
  const auto first = world.sent();
  const auto second = world.add("D1");
  world.end_wait(first);
  EXPECT_FALSE(world.table.begin_attempt({.id = second}, kRepeatable)) << "although the first one is not settled yet";
  EXPECT_FALSE(world.table.due_for("D1"));
  EXPECT_THAT(world.due(), ElementsAre(first));
}

SERVER_TEST(DownlinkTable, HasFailedWhenNoAnswerCameToTheLastAttempt) {
  AnsweredWorld world;
  const auto id = world.sent("D1", 1);
  const auto next = world.add("D1");
  world.settle();
  EXPECT_EQ(world.column("state", id), "sent") << "there is time left";
  world.end_wait(id);
  EXPECT_THAT(world.due(), ElementsAre(next));
  EXPECT_EQ(world.column("state, last_error, retry_at", id), "failed\tno answer\tNULL");
}

SERVER_TEST(DownlinkTable, IsSentOnceWhereTheDeviceKnowsNoRepetition) {
  AnsweredWorld world;
  const auto id = world.add("D1");
  world.send(id, kOnce);
  world.end_wait(id);
  world.settle();
  EXPECT_EQ(world.column("state, attempts, last_error", id), "failed\t1\tno answer");
}

SERVER_TEST(DownlinkTable, IsSentAgainWhereItMayArriveTwice) {
  AnsweredWorld world;
  const auto id = world.table.add({.nserie = "D1", .payload = payload("hello"), .idempotent = true});
  world.send(id, kOnce);
  world.end_wait(id);
  EXPECT_THAT(world.due(), ElementsAre(id));
}

SERVER_TEST(DownlinkTable, IsNotSentAgainWhenAnAttemptEndedNobodyKnowsHowUnlessItMayArriveTwice) {
  AnsweredWorld world;
  const auto id = world.add("D1");
  EXPECT_TRUE(world.table.begin_attempt({.id = id}, kOnce));
  world.end_lease(id);
  EXPECT_FALSE(world.table.begin_attempt({.id = id}, kOnce));
  world.settle();
  EXPECT_EQ(world.column("state, last_error", id), "failed\tthe outcome of the last attempt is unknown");
}

SERVER_TEST(DownlinkTable, WhatTheKernelRefusedIsNoRepetition) {
  AnsweredWorld world;
  const auto id = world.add("D1");
  EXPECT_TRUE(world.table.begin_attempt({.id = id}, kOnce));
  world.table.mark_failed({.id = id}, "no route", true);
  world.end_wait(id);
  EXPECT_TRUE(world.table.begin_attempt({.id = id}, kOnce));
}

SERVER_TEST(DownlinkTable, HasExpiredWhenNoAnswerCameAndItsTimeIsOver) {
  AnsweredWorld world;
  const auto id = world.sent();
  world.set("expires_at = NOW(6)", id);
  world.settle();
  EXPECT_EQ(world.column("state", id), "sent") << "the answer may still come";
  world.end_wait(id);
  world.settle();
  EXPECT_EQ(world.column("state, last_error", id), "expired\tno answer");
}

SERVER_TEST(DownlinkTable, SettlesAnyNumberOfThoseThatWereNotAnswered) {
  World world;
  world.fill(250);
  world.database.sql("UPDATE downlink SET state = 'sent', attempts = 3, retry_at = NOW(6)");
  world.table.due(10);
  EXPECT_EQ(world.database.sql("SELECT COUNT(*) FROM downlink WHERE state = 'failed'"), "250");
  EXPECT_EQ(world.table.counters().failed, 250u);
}

// --- several collectors --------------------------------------------------------------------------------------------

SERVER_TEST(DownlinkTable, LeavesARowThatAnotherCollectorIsJustClaimingWithoutWaiting) {
  World world;
  const auto id = world.add();
  const auto rival = world.database.connect();
  rival->execute("START TRANSACTION");
  rival->query("SELECT * FROM downlink FOR UPDATE");
  EXPECT_FALSE(world.table.begin_attempt({.id = id}, kRepeatable));
  rival->execute("ROLLBACK");
  EXPECT_TRUE(world.table.begin_attempt({.id = id}, kRepeatable));
}

SERVER_TEST(DownlinkTable, LeavesADeviceToTheCollectorThatHeardItLast) {
  World world;
  const auto id = world.add("D1");
  const auto heard_by = [&](const std::string& collector, int arrival) {
    world.database.sql(
        "REPLACE INTO device (nserie, codec, first_seen, last_seen, listener, collector, last_arrival, auth_level) "
        "VALUES ('D1', 'native', NOW(6), NOW(6), 'l', '" +
        collector + "', " + std::to_string(arrival) + ", 0)");
  };
  const ingest::Attempt attempt{.heard_at = 1000};
  heard_by("host-b", 1001);
  EXPECT_FALSE(world.table.begin_attempt({.id = id}, attempt));
  heard_by("host-b", 999);
  EXPECT_TRUE(world.table.begin_attempt({.id = id}, attempt));
  world.end_lease(id);
  heard_by("host-a", 1001);
  EXPECT_TRUE(world.table.begin_attempt({.id = id}, attempt)) << "that was us";
}

SERVER_TEST(DownlinkTable, IsTakenOverFromACollectorThatDied) {
  World world;
  DownlinkTable other("host-b", *world.pool, kTimeLimit);
  const auto id = world.add();
  EXPECT_TRUE(other.begin_attempt({.id = id}, kRepeatable));
  EXPECT_FALSE(world.table.begin_attempt({.id = id}, kRepeatable));
  world.end_lease(id);
  EXPECT_TRUE(world.table.begin_attempt({.id = id}, kRepeatable));
  EXPECT_EQ(world.column("lease_owner, attempts", id), "host-a\t2");
}

// --- for operators -------------------------------------------------------------------------------------------------

SERVER_TEST(DownlinkTable, ShowsAllThatThereIsOfARow) {
  AnsweredWorld world;
  const auto id = world.table.add({.nserie = "D1",
                                   .payload = payload("hello"),
                                   .expires_in = seconds(3600),
                                   .max_attempts = 7,
                                   .idempotent = true});
  world.send(id);
  const auto details = world.table.find(id);
  ASSERT_TRUE(details);
  EXPECT_EQ(details->row.nserie, "D1");
  EXPECT_EQ(details->row.state, "sent");
  EXPECT_EQ(details->payload, payload("hello"));
  EXPECT_TRUE(details->idempotent);
  EXPECT_EQ(details->max_attempts, 7u);
  EXPECT_THAT(details->not_before, HasSubstr(":"));
  EXPECT_THAT(details->expires_at, HasSubstr(":"));
  EXPECT_THAT(details->retry_at, HasSubstr(":"));
  EXPECT_EQ(details->delivered_at + details->answer + details->lease_owner + details->lease_until, "");
  EXPECT_FALSE(world.table.find(id + 1));
}

SERVER_TEST(DownlinkTable, CountsWhatComesIntoEachState) {
  AnsweredWorld world;
  EXPECT_TRUE(world.answer(world.sent(), Outcome::kDelivered));
  EXPECT_TRUE(world.answer(world.sent(), Outcome::kFailed));
  EXPECT_TRUE(world.table.cancel(world.add()));
  world.table.mark_failed({.id = world.add()}, "too long", false);
  world.set("expires_at = NOW(6)", world.add());
  world.table.due(1);
  const auto& counters = world.table.counters();
  EXPECT_EQ(counters.queued, 5u);
  EXPECT_EQ(counters.sent, 2u);
  EXPECT_EQ(counters.delivered, 1u);
  EXPECT_EQ(counters.failed, 2u);
  EXPECT_EQ(counters.cancelled, 1u);
  EXPECT_EQ(counters.expired, 1u);
}

}  // namespace
}  // namespace hilera
