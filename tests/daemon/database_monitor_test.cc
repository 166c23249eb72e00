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
  explicit World(const db::ConnectOptions& options)
      : hosts(std::make_shared<db::HostChoice>(options.endpoints)), monitor(options, fast(), hosts) {}

  void wait_until_healthy() {
    while (!monitor.healthy())
      greenrt::testing::let_poll();
    EXPECT_THAT(monitor.problem(), IsEmpty());
    EXPECT_TRUE(monitor.gate().is_open());
  }
  void wait_for_problem(std::string_view text) const {
    while (monitor.problem().find(text) == std::string::npos)
      greenrt::testing::let_poll();
    EXPECT_FALSE(monitor.healthy());
  }

  std::shared_ptr<db::HostChoice> hosts;
  DatabaseMonitor monitor;
};

// One server by two addresses: over TCP, and by its socket.
db::ConnectOptions twice(const TestDatabase& database) {
  db::ConnectOptions options = database.options();
  options.endpoints.push_back({.host = {}, .port = 0, .socket = database.server().socket()});
  return options;
}

// Makes the server refuse writes, for a test.
class ReadOnlyServer {
 public:
  explicit ReadOnlyServer(PrivateMariadb& server) : server_(server) { server_.sql("SET GLOBAL read_only = 1"); }
  ~ReadOnlyServer() { server_.sql("SET GLOBAL read_only = 0"); }
  ReadOnlyServer(const ReadOnlyServer&) = delete;
  ReadOnlyServer& operator=(const ReadOnlyServer&) = delete;

 private:
  PrivateMariadb& server_;
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
  World world(database.options());
  world.wait_until_healthy();
}

SERVER_TEST(DatabaseMonitor, MakesTheTablesWhenItMay) {
  const auto options = options_for(db::testing::server(), db::testing::server().new_database());
  World world(options);
  world.wait_until_healthy();
  EXPECT_EQ(db::check_schema(*db::testing::connect(options)).state, db::SchemaState::kCurrent);
}

SERVER_TEST(DatabaseMonitor, SaysWhatToDoWhenItMayNot) {
  const auto name = db::testing::server().new_database();
  World world(limited_account(db::testing::server(), name));
  world.wait_for_problem("the tables are missing");
  EXPECT_THAT(world.monitor.problem(),
              AllOf(HasSubstr("CREATE command denied"), HasSubstr("`hileractl schema apply`")));

  db::apply_schema(*db::testing::connect(options_for(db::testing::server(), name)));
  world.wait_until_healthy();
}

SERVER_TEST(DatabaseMonitor, NoticesThatTheTablesAreGone) {
  const TestDatabase database;
  World world(limited_account(database.server(), database.name()));
  world.wait_until_healthy();
  database.sql("RENAME TABLE schema_version TO elsewhere");
  world.wait_for_problem("the tables are missing");
  database.sql("RENAME TABLE elsewhere TO schema_version");
  world.wait_until_healthy();
}

SERVER_TEST(DatabaseMonitor, KeepsItsHandsOffNewerTables) {
  const TestDatabase database;
  database.sql("INSERT INTO schema_version (version, name) VALUES (999, 'from the future')");
  World world(database.options());
  world.wait_for_problem("the tables have version 999, this program knows " + std::to_string(db::schema_version()));
  EXPECT_EQ(database.rows("schema_version"), std::to_string(db::schema_version() + 1));
  EXPECT_FALSE(world.monitor.gate().is_open());
  EXPECT_EQ(world.monitor.gate().problem(), world.monitor.problem());
  database.sql("DELETE FROM schema_version WHERE version = 999");
  world.wait_until_healthy();
}

SERVER_TEST(DatabaseMonitor, KeepsItsGateOpenWhileTheServerIsAway) {
  const TestDatabase database;
  World world(database.options());
  world.wait_until_healthy();
  {
    const ReadOnlyServer read_only(database.server());
    world.wait_for_problem("the server is read-only");
    EXPECT_TRUE(world.monitor.gate().is_open()) << "the tables were right";
  }
  world.wait_until_healthy();
}

SERVER_TEST(DatabaseMonitor, LooksAtTheTablesOfTheServerThatIsGoneTo) {
  const TestDatabase database;
  World world(twice(database));
  world.wait_until_healthy();
  const db::Endpoint first = world.hosts->current();
  world.hosts->leave(world.hosts->current(), "a test");
  world.hosts->settle({.where = "another server", .began_after = {}, .began_before = {}});
  EXPECT_FALSE(world.monitor.gate().is_open());
  EXPECT_EQ(world.monitor.gate().problem(), "") << "nobody knows yet";
  while (!world.monitor.gate().is_open())
    greenrt::testing::let_poll();
  EXPECT_NE(world.hosts->current(), first);
}

SERVER_TEST(DatabaseMonitor, LeavesAServerThatTakesNoWritesAnyMore) {
  PrivateMariadb& server = db::testing::server();
  const TestDatabase database;
  World world(twice(database));
  world.wait_until_healthy();
  const db::Endpoint first = world.hosts->current();
  {
    const ReadOnlyServer read_only(server);
    while (world.hosts->current() == first)
      greenrt::testing::let_poll();
  }
  world.wait_until_healthy();
}

SERVER_TEST(DatabaseMonitor, NotesThatItsServerWasRestarted) {
  db::testing::wait_until_old();
  const TestDatabase database;
  World world(database.options());
  world.wait_until_healthy();
  database.server().kill();
  database.server().start();
  while (world.hosts->losses() == 0 || !world.monitor.gate().is_open())
    greenrt::testing::let_poll();
  EXPECT_EQ(world.hosts->changes(), 0u);
}

SERVER_TEST(DatabaseMonitor, SaysWhyItCannotLogIn) {
  const TestDatabase database;
  auto options = database.options();
  options.password = "not it";
  World world(options);
  world.wait_for_problem("Access denied");
}

SERVER_TEST(DatabaseMonitor, SurvivesTheEndOfItsConnection) {
  const TestDatabase database;
  World world(database.options());
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
  World world(options);
  world.wait_until_healthy();
}

TEST(DatabaseMonitor, NoticesThatTheServerGoesAndComesBack) {
  PrivateMariadb own;
  greenrt::testing::run_in_hub([&] {
    const TestDatabase database(own);
    World world(database.options());
    world.wait_until_healthy();
    own.kill();
    world.wait_for_problem("127.0.0.1:" + std::to_string(own.port()));
    own.start();
    world.wait_until_healthy();
  });
}

}  // namespace
}  // namespace hilera
