#include "db/statement.h"

#include <gmock/gmock.h>

#include <limits>

#include "db/schema.h"
#include "db/transaction.h"
#include "tests/db/server_fixture.h"

namespace db {
namespace {

using namespace db::testing;
using ::testing::ElementsAre;

constexpr const char* kStore =
    "INSERT INTO frame (nserie, frame_id, codec, arrival, collector, digest, device_time, listener, peer_ip, peer_port,"
    " auth_level, fields, raw) VALUES (?, ?, 'native', ?, 'here', ?, ?, 'main', ?, ?, ?, ?, ?)"
    " ON DUPLICATE KEY UPDATE arrival = arrival RETURNING arrival, digest";

Bulk frames() {
  return Bulk({ColumnType::kText, ColumnType::kUint64, ColumnType::kInt64, ColumnType::kBytes, ColumnType::kText,
               ColumnType::kText, ColumnType::kUint64, ColumnType::kUint64, ColumnType::kText, ColumnType::kBytes});
}

Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

void add_frame(Bulk& bulk, std::string_view nserie, std::uint64_t frame_id, std::int64_t arrival,
               std::string_view digest) {
  bulk.add_row({nserie, frame_id, arrival, bytes_of(digest), std::nullopt, "::1", 5600u, 2u, "{}", std::nullopt});
}

std::unique_ptr<Connection> connect_with_schema() {
  auto connection = connect();
  apply_schema(*connection);
  return connection;
}

SERVER_TEST(Statement, GivesValuesBackAsTheyWere) {
  const auto connection = connect();
  const std::string binary("\0\xff\x80'\"\\", 6);
  const Rows rows = connection->execute(
      "SELECT ?, ?, ?, ?, ?, ?", {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::uint64_t>::max(),
                                  0.1, "grüße", bytes_of(binary), std::nullopt});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].int64(0), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(rows[0].uint64(1), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(rows[0].real(2), 0.1);
  EXPECT_EQ(rows[0].text(3), "grüße");
  EXPECT_EQ(rows[0].text(4), binary);
  EXPECT_TRUE(rows[0].is_null(5));
}

SERVER_TEST(Statement, ReadsEveryKindOfColumn) {
  const auto connection = connect();
  connection->execute(
      "CREATE TABLE t (tiny TINYINT, small SMALLINT UNSIGNED, big BIGINT UNSIGNED, f FLOAT, d DOUBLE, de DECIMAL(10,3),"
      " dt DATETIME(3), bin BINARY(4), txt TEXT, ip INET6, y YEAR)");
  connection->execute(
      "INSERT INTO t VALUES (-1, 65535, 18446744073709551615, 0.5, 0.25, 12.345,"
      " '2024-02-29 12:34:56.789', 'ab', 'text', '::1', 2024)");
  const Rows rows = connection->execute("SELECT * FROM t", {});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].int64(0), -1);
  EXPECT_EQ(rows[0].uint64(1), 65535u);
  EXPECT_EQ(rows[0].uint64(2), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(rows[0].real(3), 0.5);
  EXPECT_EQ(rows[0].real(4), 0.25);
  EXPECT_EQ(rows[0].text(5), "12.345");
  EXPECT_EQ(rows[0].text(6), "2024-02-29 12:34:56.789");
  EXPECT_EQ(rows[0].text(7), std::string_view("ab\0\0", 4));
  EXPECT_EQ(rows[0].text(8), "text");
  EXPECT_EQ(rows[0].text(9), "::1");
  EXPECT_EQ(rows[0].int64(10), 2024);
}

SERVER_TEST(Statement, ReadsValuesOfAnyLength) {
  const auto connection = connect();
  const Rows rows = connection->execute(
      "SELECT REPEAT('x', seq), IF(seq % 2, NULL, seq), '' FROM seq_0_to_2000_step_100 ORDER BY seq", {});
  ASSERT_EQ(rows.size(), 21u);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].text(0), std::string(i * 100, 'x'));
    EXPECT_EQ(rows[i].text(2), "");
  }
  EXPECT_EQ(connection->execute("SELECT REPEAT('y', 3000000)", {})[0].text(0), std::string(3000000, 'y'));
}

SERVER_TEST(Statement, IsKeptForTheNextUse) {
  const auto connection = connect();
  Statement& first = connection->prepare("SELECT ?");
  EXPECT_EQ(&connection->prepare("SELECT ?"), &first);
  EXPECT_EQ(first.parameters(), 1u);
  EXPECT_EQ(first.execute({1})[0].int64(0), 1);
  EXPECT_EQ(first.execute({"text"})[0].text(0), "text") << "the type of a parameter may change";
}

SERVER_TEST(Statement, MakesRoomWhenItWasNotUsedForLongest) {
  ConnectOptions options = tcp_options();
  options.statement_cache = 2;
  const auto connection = connect(options);
  const auto prepared = [&] { return connection->query("SHOW STATUS LIKE 'Com_stmt_prepare'")[0].int64(1); };
  connection->prepare("SELECT 1");
  connection->prepare("SELECT 2");
  connection->prepare("SELECT 1");
  connection->prepare("SELECT 3");  // instead of 2
  EXPECT_EQ(prepared(), 3);
  connection->prepare("SELECT 1");
  connection->prepare("SELECT 3");
  EXPECT_EQ(prepared(), 3);
  connection->prepare("SELECT 2");
  EXPECT_EQ(prepared(), 4);
}

SERVER_TEST(Statement, RefusesAWrongNumberOfValues) {
  const auto connection = connect();
  EXPECT_THROW(connection->execute("SELECT ?", {1, 2}), std::invalid_argument);
  Bulk bulk({ColumnType::kInt64});
  bulk.add_row({1});
  EXPECT_THROW(connection->execute_bulk("SELECT ?, ?", bulk), std::invalid_argument);
  Bulk nothing({});
  nothing.add_row({});
  EXPECT_THROW(connection->execute_bulk("DO 1", nothing), std::invalid_argument);
  EXPECT_FALSE(connection->broken());
}

SERVER_TEST(Statement, ThatCannotBePreparedIsNotKept) {
  const auto connection = connect();
  EXPECT_EQ(error_of([&] { connection->prepare("SELECT nothing"); }).code(), 1054u);
  EXPECT_EQ(error_of([&] { connection->prepare("SELECT nothing"); }).code(), 1054u);
  EXPECT_FALSE(connection->broken());
}

SERVER_TEST(Statement, FollowsAChangeOfTheTable) {
  const auto connection = connect();
  connection->execute("CREATE TABLE t (a INT)");
  connection->execute("INSERT INTO t VALUES (1)");
  EXPECT_EQ(connection->execute("SELECT a FROM t", {})[0].int64(0), 1);
  connection->execute("ALTER TABLE t ADD COLUMN b INT FIRST, MODIFY a VARCHAR(10)");
  EXPECT_EQ(connection->execute("SELECT a FROM t", {})[0].text(0), "1");
}

SERVER_TEST(Statement, BreaksItsConnectionWhenItsColumnsHaveBecomeOthers) {
  const auto connection = connect();
  connection->execute("CREATE TABLE t (a INT)");
  connection->execute("SELECT * FROM t", {});
  connection->execute("ALTER TABLE t ADD COLUMN b INT");
  EXPECT_EQ(error_of([&] { connection->execute("SELECT * FROM t", {}); }).error_class(), ErrorClass::kReconnect);
  EXPECT_TRUE(connection->broken());
}

SERVER_TEST(Statement, SurvivesAnErrorInTheMiddleOfAResult) {
  const auto connection = connect();
  Statement& statement = connection->prepare("SELECT IF(seq < 100, seq, (SELECT 1 UNION SELECT 2)) FROM seq_1_to_200");
  EXPECT_EQ(error_of([&] { statement.execute(); }).code(), 1242u);
  EXPECT_FALSE(connection->broken());
  EXPECT_EQ(error_of([&] { statement.execute(); }).code(), 1242u);
  EXPECT_EQ(connection->query("SELECT 1")[0].int64(0), 1);
}

SERVER_TEST(Statement, BreaksItsConnectionAtTheDeadline) {
  const auto connection = connect();
  EXPECT_THROW(connection->execute("SELECT SLEEP(?)", {30}, std::chrono::milliseconds(20)), DeadlineError);
  EXPECT_TRUE(connection->broken());
}

SERVER_TEST(BulkExecution, AnswersEachRow) {
  const auto connection = connect_with_schema();
  Bulk bulk = frames();
  for (int i = 0; i < 1000; ++i)
    add_frame(bulk, "device-1", static_cast<std::uint64_t>(i), 5000 + i, "12345678");
  const Rows rows = connection->execute_bulk(kStore, bulk);
  ASSERT_EQ(rows.size(), 1000u);
  for (std::size_t i = 0; i < 1000; ++i)
    ASSERT_EQ(rows[i].int64(0), static_cast<std::int64_t>(5000 + i));
  EXPECT_EQ(connection->query("SELECT COUNT(*) FROM frame")[0].int64(0), 1000);
}

SERVER_TEST(BulkExecution, TellsStoredFromDuplicateFromConflict) {
  const auto connection = connect_with_schema();
  Bulk bulk = frames();
  add_frame(bulk, "a", 1, 100, "original");
  add_frame(bulk, "b", 1, 101, "original");
  connection->execute_bulk(kStore, bulk);

  bulk.clear();
  add_frame(bulk, "a", 1, 200, "original");  // a duplicate: another arrival, the same content
  add_frame(bulk, "b", 1, 201, "tampered");  // a conflict
  add_frame(bulk, "c", 1, 202, "original");  // new
  add_frame(bulk, "a", 1, 100, "original");  // our own row, once more after an unknown outcome
  add_frame(bulk, "c", 1, 203, "original");  // a duplicate within the batch
  const Rows rows = connection->execute_bulk(kStore, bulk);
  std::vector<std::pair<std::int64_t, std::string_view>> answers;
  for (std::size_t i = 0; i < rows.size(); ++i)
    answers.emplace_back(rows[i].int64(0), rows[i].text(1));
  EXPECT_THAT(answers, ElementsAre(std::pair(100, "original"), std::pair(101, "original"), std::pair(202, "original"),
                                   std::pair(100, "original"), std::pair(202, "original")));
  EXPECT_EQ(connection->query("SELECT COUNT(*) FROM frame")[0].int64(0), 3);
}

SERVER_TEST(BulkExecution, StoresNullsAndAllColumns) {
  const auto connection = connect_with_schema();
  Bulk bulk = frames();
  const std::string raw("\0\x01\xff", 3);
  bulk.add_row({"a", 1u, 1700000000123456, bytes_of("12345678"), "2024-02-29 12:34:56.789", "::ffff:192.0.2.1", 5600u,
                3u, "{\"t\":\"grüße\"}", bytes_of(raw)});
  bulk.add_row({"a", 2u, 1700000000123457, bytes_of("12345678"), std::nullopt, std::nullopt, std::nullopt, 0u, "{}",
                std::nullopt});
  EXPECT_EQ(connection->execute_bulk(kStore, bulk).size(), 2u);
  const Rows rows = connection->execute(
      "SELECT device_time, peer_ip, peer_port, auth_level, fields, raw, received_at, replayed FROM frame"
      " ORDER BY frame_id",
      {});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].text(0), "2024-02-29 12:34:56.789");
  EXPECT_EQ(rows[0].text(1), "::ffff:192.0.2.1");
  EXPECT_EQ(rows[0].uint64(2), 5600u);
  EXPECT_EQ(rows[0].uint64(3), 3u);
  EXPECT_EQ(rows[0].text(4), "{\"t\":\"grüße\"}");
  EXPECT_EQ(rows[0].text(5), raw);
  EXPECT_EQ(rows[0].text(6), "2023-11-14 22:13:20.123456");
  EXPECT_EQ(rows[0].int64(7), 0);
  for (const std::size_t column : {0, 1, 2, 5})
    EXPECT_TRUE(rows[1].is_null(column)) << column;
}

SERVER_TEST(BulkExecution, OfNoRowsAsksNothing) {
  const auto connection = connect();
  EXPECT_TRUE(connection->execute_bulk("not even SQL", Bulk({ColumnType::kInt64})).empty());
}

SERVER_TEST(BulkExecution, LeavesTheStatementFitForSingleUse) {
  const auto connection = connect();
  connection->execute("CREATE TABLE t (a INT)");
  Statement& insert = connection->prepare("INSERT INTO t VALUES (?)");
  Bulk bulk({ColumnType::kInt64});
  for (int i = 0; i < 10; ++i)
    bulk.add_row({i});
  EXPECT_EQ(insert.execute_bulk(bulk).affected_rows(), 10u);
  EXPECT_EQ(insert.execute({99}).affected_rows(), 1u);
  EXPECT_EQ(connection->query("SELECT COUNT(*) FROM t")[0].int64(0), 11);
}

SERVER_TEST(BulkExecution, IsUndoneByRollbackWhenARowIsRefused) {
  const auto connection = connect_with_schema();
  Bulk bulk = frames();
  add_frame(bulk, "a", 1, 100, "12345678");
  const std::string too_long(200, 'x');
  add_frame(bulk, too_long, 1, 101, "12345678");
  add_frame(bulk, "b", 1, 102, "12345678");
  Transaction transaction(*connection);
  const Error error = error_of([&] { connection->execute_bulk(kStore, bulk); });
  EXPECT_EQ(error.code(), 1406u);
  EXPECT_EQ(error.error_class(), ErrorClass::kPoisonRow);
  transaction.rollback();
  EXPECT_EQ(connection->query("SELECT COUNT(*) FROM frame")[0].int64(0), 0);

  bulk.clear();
  add_frame(bulk, "a", 1, 100, "12345678");
  EXPECT_EQ(connection->execute_bulk(kStore, bulk).size(), 1u) << "the statement is fit for the next batch";
}

SERVER_TEST(BulkExecution, LetsOtherGreenletsRunOverTls) {
  const std::string database = server().new_database();
  const auto connection = connect(tls_options(database));
  const auto blocker = connect(tcp_options(database));
  apply_schema(*connection);
  Bulk bulk = frames();
  const std::string raw(4000, 'r');
  for (int i = 0; i < 1000; ++i) {
    bulk.add_row({"a", static_cast<std::uint64_t>(i), i, bytes_of("12345678"), std::nullopt, std::nullopt, std::nullopt,
                  0u, "{}", bytes_of(raw)});
  }
  ASSERT_LT(bulk.wire_size(), connection->max_allowed_packet());
  connection->prepare(kStore);
  blocker->execute("LOCK TABLES frame WRITE");
  auto storing = greenrt::spawn([&] { return connection->execute_bulk(kStore, bulk).size(); });
  wait_for_session(connection->thread_id(), "state LIKE 'Waiting for table%lock'");
  blocker->execute("UNLOCK TABLES");
  EXPECT_EQ(storing->get(), 1000u);
}

}  // namespace
}  // namespace db
