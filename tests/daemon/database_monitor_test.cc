#include "daemon/database_monitor.h"

#include "greenrt/stream.h"
#include "tests/daemon/store_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

DatabaseMonitor::Pace fast() {
  return {.look_every = milliseconds(20), .first_pause = milliseconds(5), .time_limit = seconds(20)};
}

// A monitor of a database, and words for what it says.
struct World {
  explicit World(const db::ConnectOptions& options) : monitor(options, fast()) {}

  void wait_until_healthy() const {
    while (!monitor.healthy())
      greenrt::testing::let_poll();
    EXPECT_THAT(monitor.problem(), IsEmpty());
  }
  void wait_for_problem(std::string_view text) const {
    while (monitor.problem().find(text) == std::string::npos)
      greenrt::testing::let_poll();
    EXPECT_FALSE(monitor.healthy());
  }

  DatabaseMonitor monitor;
};

// An account that may use the tables, and not make any.
db::ConnectOptions limited_account(PrivateMariadb& server, const std::string& database) {
  server.sql("CREATE OR REPLACE USER limited@'%' IDENTIFIED BY 'small'; GRANT SELECT, INSERT, UPDATE ON " + database +
             ".* TO limited@'%'");
  db::ConnectOptions options = options_for(server, database);
  options.user = "limited";
  options.password = "small";
  return options;
}

SERVER_TEST(DatabaseMonitor, IsNotHealthyBeforeItHasLooked) {
  const TestDatabase database;
  {
    const World world(database.options());
    EXPECT_FALSE(world.monitor.healthy());
    EXPECT_EQ(world.monitor.problem(), "not connected yet");
  }
  greenrt::testing::settle();  // its greenlet has not run at all
}

SERVER_TEST(DatabaseMonitor, IsHealthyWhenTheTablesAreThere) {
  const TestDatabase database;
  const World world(database.options());
  world.wait_until_healthy();
}

SERVER_TEST(DatabaseMonitor, MakesTheTablesWhenItMay) {
  const auto options = options_for(db::testing::server(), db::testing::server().new_database());
  const World world(options);
  world.wait_until_healthy();
  EXPECT_EQ(db::check_schema(*db::testing::connect(options)).state, db::SchemaState::kCurrent);
}

SERVER_TEST(DatabaseMonitor, SaysWhatToDoWhenItMayNot) {
  const auto name = db::testing::server().new_database();
  const World world(limited_account(db::testing::server(), name));
  world.wait_for_problem("the tables are missing");
  EXPECT_THAT(world.monitor.problem(),
              AllOf(HasSubstr("CREATE command denied"), HasSubstr("`hileractl schema apply`")));

  db::apply_schema(*db::testing::connect(options_for(db::testing::server(), name)));
  world.wait_until_healthy();
}

SERVER_TEST(DatabaseMonitor, NoticesThatTheTablesAreGone) {
  const TestDatabase database;
  const World world(limited_account(database.server(), database.name()));
  world.wait_until_healthy();
  database.sql("RENAME TABLE schema_version TO elsewhere");
  world.wait_for_problem("the tables are missing");
  database.sql("RENAME TABLE elsewhere TO schema_version");
  world.wait_until_healthy();
}

SERVER_TEST(DatabaseMonitor, KeepsItsHandsOffNewerTables) {
  const TestDatabase database;
  database.sql("INSERT INTO schema_version (version, name) VALUES (999, 'from the future')");
  const World world(database.options());
  world.wait_for_problem("the tables have version 999, this program knows " + std::to_string(db::schema_version()));
  EXPECT_EQ(database.rows("schema_version"), std::to_string(db::schema_version() + 1));
}

SERVER_TEST(DatabaseMonitor, SaysWhyItCannotLogIn) {
  const TestDatabase database;
  auto options = database.options();
  options.password = "not it";
  const World world(options);
  world.wait_for_problem("Access denied");
}

SERVER_TEST(DatabaseMonitor, SurvivesTheEndOfItsConnection) {
  const TestDatabase database;
  const World world(database.options());
  world.wait_until_healthy();
  const std::string others =
      " FROM information_schema.processlist WHERE db = '" + database.name() + "' AND id <> CONNECTION_ID()";
  const std::string first = database.sql("SELECT id" + others);
  database.sql("KILL CONNECTION " + first);
  database.wait_for("SELECT COUNT(*)" + others + " AND id <> " + first, "1");
  world.wait_until_healthy();
}

SERVER_TEST(DatabaseMonitor, CanBeStoppedAtAnyTime) {
  const TestDatabase database;
  World idle(database.options());
  idle.wait_until_healthy();
  idle.monitor.stop();
  idle.monitor.stop();

  const World connecting(database.options());
  greenrt::testing::let_poll();
}

SERVER_TEST(DatabaseMonitor, FindsTheServerThatAnswers) {
  const TestDatabase database;
  auto nobody = greenrt::Listener::bind_tcp(loopback());
  auto options = database.options();
  options.endpoints.insert(options.endpoints.begin(),
                           {.host = "127.0.0.1", .port = nobody.local_address().port(), .socket = {}});
  nobody.close();
  const World world(options);
  world.wait_until_healthy();
}

TEST(DatabaseMonitor, NoticesThatTheServerGoesAndComesBack) {
  PrivateMariadb own;
  greenrt::testing::run_in_hub([&] {
    const TestDatabase database(own);
    const World world(database.options());
    world.wait_until_healthy();
    own.kill();
    world.wait_for_problem("127.0.0.1:" + std::to_string(own.port()));
    own.start();
    world.wait_until_healthy();
  });
}

}  // namespace
}  // namespace hilera
