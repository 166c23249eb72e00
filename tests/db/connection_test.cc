#include "db/connection.h"

#include <gmock/gmock.h>

#include "greenrt/event.h"
#include "greenrt/timeout.h"
#include "tests/db/server_fixture.h"

namespace db {
namespace {

using namespace db::testing;
using greenrt::spawn;
using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

SERVER_TEST(Connection, AsksInTextAndReadsTheAnswer) {
  const auto connection = connect();
  const Rows rows = connection->query("SELECT 1 AS one, NULL AS nothing, 'x\\0y' AS bytes UNION SELECT 2, 3, ''");
  EXPECT_THAT(rows.columns(), ElementsAre("one", "nothing", "bytes"));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].int64(0), 1);
  EXPECT_TRUE(rows[0].is_null(1));
  EXPECT_EQ(rows[0].text(2), std::string_view("x\0y", 3));
  EXPECT_EQ(rows[1].int64(1), 3);
  EXPECT_EQ(rows[1].text(2), "");
}

SERVER_TEST(Connection, CountsTheRowsThatAStatementChanged) {
  const auto connection = connect();
  EXPECT_EQ(connection->execute("CREATE TABLE t (a INT)"), 0u);
  EXPECT_EQ(connection->execute("INSERT INTO t VALUES (1), (2), (3)"), 3u);
  EXPECT_EQ(connection->execute("UPDATE t SET a = 9 WHERE a > 1"), 2u);
}

SERVER_TEST(Connection, ReadsALargeResult) {
  const auto connection = connect();
  const Rows rows = connection->query("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_5000");
  ASSERT_EQ(rows.size(), 5000u);
  EXPECT_EQ(rows[4999].int64(0), 5000);
  EXPECT_EQ(rows[4999].text(1).size(), 1000u);
}

SERVER_TEST(Connection, IsReadyAgainAfterSeveralResults) {
  const auto connection = connect();
  connection->execute("CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END");
  EXPECT_EQ(connection->query("CALL p()")[0].int64(0), 1);
  EXPECT_EQ(connection->query("SELECT 3")[0].int64(0), 3);
}

SERVER_TEST(Connection, SetsItsSessionUp) {
  ConnectOptions options = tcp_options();
  options.lock_wait_timeout = std::chrono::seconds(7);
  options.query_timeout = std::chrono::seconds(10);
  const auto connection = connect(options);
  const Rows rows = connection->query(
      "SELECT @@sql_mode, @@time_zone, @@tx_isolation, @@innodb_lock_wait_timeout, @@max_statement_time,"
      " @@character_set_client, @@character_set_connection, @@autocommit");
  EXPECT_EQ(rows[0].text(0), "STRICT_ALL_TABLES");
  EXPECT_EQ(rows[0].text(1), "+00:00");
  EXPECT_EQ(rows[0].text(2), "READ-COMMITTED");
  EXPECT_EQ(rows[0].int64(3), 7);
  EXPECT_EQ(rows[0].real(4), 9.0) << "less than the client waits";
  EXPECT_EQ(rows[0].text(5), "utf8mb4");
  EXPECT_EQ(rows[0].text(6), "utf8mb4");
  EXPECT_EQ(rows[0].int64(7), 1);
}

SERVER_TEST(Connection, KnowsItsServer) {
  const auto connection = connect();
  const Rows rows = connection->query("SELECT @@max_allowed_packet, CONNECTION_ID(), VERSION()");
  EXPECT_EQ(connection->max_allowed_packet(), rows[0].uint64(0));
  EXPECT_EQ(connection->thread_id(), rows[0].uint64(1));
  EXPECT_THAT(std::string(rows[0].text(2)), HasSubstr(connection->server_version().substr(0, 5)));
  EXPECT_EQ(connection->endpoint().port, server().port());
  connection->ping();
}

SERVER_TEST(Connection, SendsNoFileOfItsHost) {
  const auto connection = connect();
  connection->execute("CREATE TABLE t (a TEXT)");
  EXPECT_THROW(connection->execute("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t"), Error);
}

SERVER_TEST(Connection, RunsOneStatementAtATime) {
  const auto connection = connect();
  EXPECT_EQ(error_of([&] { connection->execute("DO 1; DO 2"); }).code(), 1064u);
}

SERVER_TEST(Connection, SurvivesAStatementThatTheServerRefuses) {
  const auto connection = connect();
  const Error error = error_of([&] { connection->query("SELECT * FROM nowhere"); });
  EXPECT_EQ(error.code(), 1146u);
  EXPECT_EQ(error.sqlstate(), "42S02");
  EXPECT_EQ(error.error_class(), ErrorClass::kStopAndAlarm);
  EXPECT_FALSE(connection->broken());
  EXPECT_EQ(connection->query("SELECT 1")[0].int64(0), 1);
}

SERVER_TEST(Connection, ReportsItsErrors) {
  ConnectOptions options = tcp_options();
  std::vector<unsigned> seen;
  options.on_error = [&](const Error& error) { seen.push_back(error.code()); };
  const auto connection = connect(options);
  EXPECT_THROW(connection->query("SELECT nothing"), Error);
  EXPECT_THAT(seen, ElementsAre(1054u));
}

SERVER_TEST(Connection, SaysThatItsRequestIsTooLarge) {
  const auto connection = connect();
  const std::string large(connection->max_allowed_packet() + 1000, 'x');
  const Error error = error_of([&] { connection->query("SELECT LENGTH('" + large + "')"); });
  // The server may cut the connection before its answer is read.
  EXPECT_THAT(error.error_class(), ::testing::AnyOf(ErrorClass::kSplit, ErrorClass::kReconnect));
  EXPECT_TRUE(connection->broken());
}

// The lock is given up by the greenlet that would not run if the hub were blocked; then GET_LOCK would give 0.
void expect_others_run_while_it_waits(const ConnectOptions& options) {
  const auto holder = connect(options);
  const auto waiter = connect(options);
  ASSERT_EQ(holder->query("SELECT GET_LOCK('test', 0)")[0].int64(0), 1);
  auto waiting = spawn([&] { return waiter->query("SELECT GET_LOCK('test', 20)")[0].int64(0); });
  wait_until_executing(waiter->thread_id(), "SELECT GET_LOCK");
  holder->execute("DO RELEASE_LOCK('test')");
  EXPECT_EQ(waiting->get(), 1);
}

SERVER_TEST(Connection, LetsOtherGreenletsRunWhileItWaits) {
  expect_others_run_while_it_waits(tcp_options());
}

SERVER_TEST(Connection, LetsOtherGreenletsRunWhileItWaitsOnAUnixSocket) {
  expect_others_run_while_it_waits(socket_options());
}

SERVER_TEST(Connection, LetsOtherGreenletsRunWhileItWaitsOverTls) {
  expect_others_run_while_it_waits(tls_options());
}

SERVER_TEST(Connection, TakesOneGreenletAtATime) {
  const auto connection = connect();
  auto first = spawn([&] { connection->query("SELECT SLEEP(0.1)"); });
  greenrt::yield();
  EXPECT_THROW(connection->query("SELECT 1"), greenrt::ConcurrentUse);
  EXPECT_THROW(connection->prepare("SELECT 1"), greenrt::ConcurrentUse);
  EXPECT_FALSE(connection->usable());
  first->get();
  EXPECT_EQ(connection->query("SELECT 1")[0].int64(0), 1);
}

void expect_broken(Connection& connection) {
  EXPECT_TRUE(connection.broken());
  EXPECT_FALSE(connection.usable());
  EXPECT_EQ(error_of([&] { connection.query("SELECT 1"); }).error_class(), ErrorClass::kReconnect);
  EXPECT_EQ(error_of([&] { connection.prepare("SELECT 1"); }).error_class(), ErrorClass::kReconnect);
}

SERVER_TEST(Connection, BreaksWhenTheAnswerIsNotThereByTheDeadline) {
  const auto connection = connect();
  EXPECT_THROW(connection->query("SELECT SLEEP(30)", milliseconds(20)), DeadlineError);
  expect_broken(*connection);
}

SERVER_TEST(Connection, EndsEveryCallAtTheQueryTimeout) {
  ConnectOptions options = tcp_options(server().new_database());
  options.query_timeout = milliseconds(50);
  const auto connection = connect(options);
  // The server gives up by itself, a little earlier; whether its answer comes in time is a race.
  const Error error =
      error_of([&] { connection->query("SELECT COUNT(*) FROM seq_1_to_100000 a, seq_1_to_100000 b", hours(1)); });
  EXPECT_THAT(error.error_class(), ::testing::AnyOf(ErrorClass::kRollbackRetry, ErrorClass::kReconnect));
}

SERVER_TEST(Connection, AsksNothingWhenTheDeadlineHasPassedAlready) {
  const auto connection = connect();
  EXPECT_THROW(connection->query("SELECT 1", milliseconds(-1)), DeadlineError);
  EXPECT_FALSE(connection->broken());
}

SERVER_TEST(Connection, BreaksWhenItsGreenletIsKilled) {
  const auto connection = connect();
  auto victim = spawn([&] { connection->query("SELECT SLEEP(30)"); });
  wait_until_executing(connection->thread_id(), "SELECT SLEEP");
  victim->kill();
  EXPECT_TRUE(victim->successful());
  expect_broken(*connection);
}

SERVER_TEST(Connection, BreaksWhenItsGreenletIsKilledOverTls) {
  const auto connection = connect(tls_options());
  auto victim = spawn([&] { connection->query("SELECT SLEEP(30)"); });
  wait_until_executing(connection->thread_id(), "SELECT SLEEP");
  victim->kill();
  EXPECT_TRUE(victim->successful());
  expect_broken(*connection);
}

SERVER_TEST(Connection, PassesATimeoutOfItsCallerOn) {
  const auto connection = connect();
  greenrt::Timeout timeout(milliseconds(20));
  try {
    connection->query("SELECT SLEEP(30)");
    FAIL();
  } catch (const greenrt::TimeoutExpired& expired) {
    EXPECT_TRUE(timeout.threw(expired));
  }
  expect_broken(*connection);
}

SERVER_TEST(Connection, CanBeDiscardedWhileAnotherGreenletUsesIt) {
  const auto connection = connect();
  auto user = spawn([&] { return error_of([&] { connection->query("SELECT SLEEP(30)"); }).error_class(); });
  wait_until_executing(connection->thread_id(), "SELECT SLEEP");
  connection->discard();
  EXPECT_EQ(user->get(), ErrorClass::kReconnect);
  EXPECT_FALSE(connection->lost()) << "it was our own doing";
  expect_broken(*connection);
}

SERVER_TEST(Connection, RemembersThatTheServerCannotStoreAnything) {
  const auto connection = connect();
  EXPECT_EQ(connection->host_trouble(), "");
  EXPECT_EQ(error_of([&] { connection->query("SELECT nothing"); }).error_class(), ErrorClass::kStopAndAlarm);
  EXPECT_EQ(connection->host_trouble(), "");
  const Error error = error_of(
      [&] { connection->query("SIGNAL SQLSTATE '25006' SET MYSQL_ERRNO = 1792, MESSAGE_TEXT = 'read-only'"); });
  EXPECT_EQ(error.error_class(), ErrorClass::kWait);
  EXPECT_EQ(connection->host_trouble(), "read-only (1792)");
  EXPECT_TRUE(connection->usable());
}

SERVER_TEST(Connection, BreaksWhenTheServerKillsIt) {
  const auto connection = connect();
  server().sql("KILL " + std::to_string(connection->thread_id()));
  const Error error = error_of([&] { connection->query("SELECT 1"); });
  EXPECT_EQ(error.error_class(), ErrorClass::kReconnect);
  EXPECT_TRUE(connection->lost());
  expect_broken(*connection);
}

SERVER_TEST(Connection, NoticesAnIdleServersFarewell) {
  const auto connection = connect();
  EXPECT_TRUE(connection->usable());
  server().sql("KILL " + std::to_string(connection->thread_id()));
  while (connection->usable())
    greenrt::yield();
  EXPECT_FALSE(connection->broken()) << "it is found out, not yet broken";
}

SERVER_TEST(Connection, SaysGoodbyeAtItsEnd) {
  const auto aborted = [] { return server().sql("SHOW GLOBAL STATUS LIKE 'Aborted_clients'"); };
  wait_for_sessions(0);
  const std::string before = aborted();
  {
    const auto connection = connect();
    connection->prepare("SELECT ?");
  }
  {
    const auto connection = connect(tls_options());
    connection->prepare("SELECT ?");
  }
  wait_for_sessions(0);
  EXPECT_EQ(aborted(), before);
}

SERVER_TEST(Connection, LeavesNoSessionBehindWhenItIsBroken) {
  {
    const auto connection = connect();
    EXPECT_THROW(connection->query("SELECT SLEEP(0.2)", milliseconds(10)), DeadlineError);
  }
  wait_for_sessions(0);
}

SERVER_TEST(Connection, SpeaksTlsWithAServerThatItHasVerified) {
  const auto connection = connect(tls_options());
  EXPECT_THAT(connection->tls_cipher(), Not(IsEmpty()));
  EXPECT_THAT(connection->query("SHOW STATUS LIKE 'Ssl_cipher'")[0].text(1), connection->tls_cipher());
}

SERVER_TEST(Connection, SpeaksNoTlsUnlessAsked) {
  EXPECT_EQ(connect()->tls_cipher(), "");
}

SERVER_TEST(Connection, ReadsLargeResultsOverTls) {
  const auto connection = connect(tls_options(server().new_database()));
  const Rows rows = connection->query("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_3000");
  ASSERT_EQ(rows.size(), 3000u);
  EXPECT_EQ(rows[2999].int64(0), 3000);
}

SERVER_TEST(Connection, RefusesAServerThatAnotherAuthorityHasSigned) {
  ConnectOptions options = tls_options();
  options.tls->ca_file = "/etc/ssl/certs/ca-certificates.crt";
  EXPECT_EQ(error_of([&] { connect(options); }).error_class(), ErrorClass::kReconnect);
}

}  // namespace
}  // namespace db
