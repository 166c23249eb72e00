#include "db/schema.h"

#include <gmock/gmock.h>

#include "tests/db/server_fixture.h"

namespace db {
namespace {

using namespace db::testing;
using ::testing::ElementsAre;

std::vector<std::string> tables(Connection& connection) {
  const Rows rows = connection.query("SHOW TABLES");
  std::vector<std::string> names;
  for (std::size_t i = 0; i < rows.size(); ++i)
    names.emplace_back(rows[i].text(0));
  return names;
}

std::int64_t count_columns(Connection& connection, const std::string& column) {
  return connection
      .execute(
          "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'frame'"
          " AND column_name = ?",
          {column})[0]
      .int64(0);
}

SERVER_TEST(Schema, IsMissingFromAnEmptyDatabase) {
  const auto connection = connect();
  const SchemaStatus status = check_schema(*connection);
  EXPECT_EQ(status.state, SchemaState::kMissing);
  EXPECT_EQ(status.found, 0u);
  EXPECT_EQ(status.expected, schema_version());
  EXPECT_GE(schema_version(), 1u);
}

SERVER_TEST(Schema, IsMadeFromNothing) {
  const auto connection = connect();
  EXPECT_EQ(apply_schema(*connection).state, SchemaState::kCurrent);
  EXPECT_EQ(check_schema(*connection).found, schema_version());
  EXPECT_THAT(tables(*connection), ElementsAre("dead_letter", "device", "downlink", "frame", "schema_version"));
  EXPECT_EQ(count_columns(*connection, "commit_seq"), 0);
}

SERVER_TEST(Schema, IsLeftAloneWhenItIsThere) {
  const auto connection = connect();
  apply_schema(*connection);
  const Rows first = connection->query("SELECT applied_at FROM schema_version");
  EXPECT_EQ(apply_schema(*connection).state, SchemaState::kCurrent);
  const Rows second = connection->query("SELECT applied_at FROM schema_version");
  EXPECT_EQ(second.size(), first.size());
  EXPECT_EQ(second[0].text(0), first[0].text(0));
}

SERVER_TEST(Schema, IsFinishedAfterACrashInTheMiddle) {
  const auto connection = connect();
  apply_schema(*connection);
  connection->execute("DELETE FROM schema_version");
  connection->execute("DROP TABLE downlink");
  EXPECT_EQ(check_schema(*connection).state, SchemaState::kMissing);
  EXPECT_EQ(apply_schema(*connection).state, SchemaState::kCurrent);
  EXPECT_EQ(tables(*connection).size(), 5u);
}

SERVER_TEST(Schema, OfAnEarlierProgramIsBroughtUpToDate) {
  const auto connection = connect();
  apply_schema(*connection);
  connection->execute("ALTER TABLE dead_letter DROP KEY waiting");
  connection->execute("DELETE FROM schema_version WHERE version > 1");
  EXPECT_EQ(check_schema(*connection).state, SchemaState::kOlder);
  EXPECT_EQ(apply_schema(*connection).state, SchemaState::kCurrent);
  EXPECT_EQ(connection->query("SHOW KEYS FROM dead_letter WHERE Key_name = 'waiting'").size(), 2u);
}

SERVER_TEST(Schema, OfALaterProgramIsNotTouched) {
  const auto connection = connect();
  apply_schema(*connection);
  connection->execute("INSERT INTO schema_version (version, name) VALUES (999, 'from the future')");
  EXPECT_EQ(check_schema(*connection).state, SchemaState::kNewer);
  connection->execute("DROP TABLE downlink");
  const Error error = error_of([&] { apply_schema(*connection); });
  EXPECT_EQ(error.error_class(), ErrorClass::kStopAndAlarm);
  EXPECT_EQ(tables(*connection).size(), 4u);
  EXPECT_FALSE(connection->broken());
}

SERVER_TEST(Schema, NumbersRowsForTheOrderAudit) {
  const auto connection = connect();
  apply_schema(*connection, {.order_audit = true});
  apply_schema(*connection, {.order_audit = true});
  EXPECT_EQ(count_columns(*connection, "commit_seq"), 1);
  connection->execute(
      "INSERT INTO frame (nserie, frame_id, codec, arrival, collector, digest, listener, auth_level, fields)"
      " VALUES ('a', 1, 'c', 1, 'h', '12345678', 'l', 0, '{}'), ('a', 2, 'c', 2, 'h', '12345678', 'l', 0, '{}')");
  const Rows rows = connection->query("SELECT commit_seq FROM frame ORDER BY frame_id");
  EXPECT_LT(rows[0].int64(0), rows[1].int64(0));
}

SERVER_TEST(Schema, GetsTheOrderAuditLater) {
  const auto connection = connect();
  apply_schema(*connection);
  apply_schema(*connection, {.order_audit = true});
  EXPECT_EQ(count_columns(*connection, "commit_seq"), 1);
}

SERVER_TEST(Schema, IsChangedByOneProgramAtATime) {
  const std::string database = server().new_database();
  const auto first = connect(tcp_options(database));
  const auto second = connect(tcp_options(database));
  first->query("SELECT GET_LOCK(CONCAT('hilera schema ', DATABASE()), 0)");
  auto waiting = greenrt::spawn([&] { return apply_schema(*second).state; });
  wait_until_executing(second->thread_id(), "SELECT GET_LOCK");
  EXPECT_TRUE(tables(*first).empty());
  first->execute("DO RELEASE_LOCK(CONCAT('hilera schema ', DATABASE()))");
  EXPECT_EQ(waiting->get(), SchemaState::kCurrent);
}

SERVER_TEST(Schema, ConflictsOfOneRecordAllHaveRoomAmongTheDeadLetters) {
  const auto connection = connect();
  apply_schema(*connection);
  const auto bury = [&](const char* digest) {
    return connection
        ->execute(
            "INSERT INTO dead_letter (arrival, reason, listener, collector, codec, nserie, frame_id, digest, "
            "auth_level)"
            " VALUES (1, 'conflict', 'l', 'h', 'native', 'a', 1, ?, 0) ON DUPLICATE KEY UPDATE arrival = arrival",
            {digest})
        .affected_rows();
  };
  EXPECT_EQ(bury("first..."), 1u);
  EXPECT_EQ(bury("second.."), 1u);
  EXPECT_EQ(bury("second.."), 0u) << "the same one again";
}

}  // namespace
}  // namespace db
