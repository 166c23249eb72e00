#include "db/pool.h"

#include <gmock/gmock.h>

#include <optional>
#include <vector>

#include "db/transaction.h"
#include "greenrt/stream.h"
#include "tests/db/server_fixture.h"

namespace db {
namespace {

using namespace db::testing;
using greenrt::spawn;
using greenrt::testing::settle;
using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

PoolOptions pool_options(std::size_t connections, const ConnectOptions& connect = tcp_options()) {
  PoolOptions options;
  options.connect = connect;
  options.connections = connections;
  options.back_off_min = milliseconds(1);
  options.back_off_max = milliseconds(8);
  return options;
}

// A pool whose keepers have ended when it is gone.
class TestPool {
 public:
  explicit TestPool(const PoolOptions& options) { pool_.emplace(options); }
  ~TestPool() { destroy(); }
  ConnectionPool* operator->() { return &*pool_; }
  void destroy() {
    pool_.reset();
    settle();
  }

 private:
  std::optional<ConnectionPool> pool_;
};

// Where nobody listens.
ConnectOptions unreachable() {
  auto listener = greenrt::Listener::bind_tcp(greenrt::SocketAddress::parse("127.0.0.1", 0).value());
  ConnectOptions options;
  options.endpoints = {{.host = "127.0.0.1", .port = listener.local_address().port(), .socket = {}}};
  listener.close();
  return options;
}

SERVER_TEST(ConnectionPool, ConnectsNothingUntilAsked) {
  TestPool pool(pool_options(4));
  settle();
  EXPECT_EQ(pool->stats().connects, 0u);
}

SERVER_TEST(ConnectionPool, LendsTheSameConnectionAgain) {
  TestPool pool(pool_options(4));
  const auto first = pool->acquire()->thread_id();
  EXPECT_EQ(pool->acquire()->thread_id(), first);
  EXPECT_EQ(pool->stats().connects, 1u);
}

SERVER_TEST(ConnectionPool, CountsWhereItsConnectionsAre) {
  TestPool pool(pool_options(2));
  auto first = pool->acquire();
  const auto second = pool->acquire();
  auto waiter = spawn([&] { pool->acquire(); });
  greenrt::yield();
  EXPECT_EQ(pool->stats().leased, 2u);
  EXPECT_EQ(pool->stats().idle, 0u);
  EXPECT_EQ(pool->stats().waiting, 1u);
  first.release();
  waiter->join();
  EXPECT_EQ(pool->stats().leased, 1u);
  EXPECT_EQ(pool->stats().idle, 1u);
  EXPECT_EQ(pool->stats().waiting, 0u);
}

SERVER_TEST(ConnectionPool, ALargerLimitServesWhoWaits) {
  TestPool pool(pool_options(1));
  const auto first = pool->acquire();
  bool served = false;
  auto waiter = spawn([&] { served = static_cast<bool>(pool->acquire()); });
  greenrt::yield();
  EXPECT_FALSE(served);
  pool->resize(2);
  waiter->join();
  EXPECT_TRUE(served);
  EXPECT_EQ(pool->stats().connects, 2u);
}

SERVER_TEST(ConnectionPool, BeyondASmallerLimitIdleConnectionsGoAtOnceAndLentOnesWhenTheyComeBack) {
  TestPool pool(pool_options(3));
  std::optional<Lease> lent = pool->acquire();
  std::optional<Lease> other = pool->acquire();
  { const Lease idle = pool->acquire(); }
  ASSERT_EQ(pool->stats().idle, 1u);
  pool->resize(1);
  EXPECT_EQ(pool->stats().idle, 0u);
  EXPECT_EQ(pool->stats().leased, 2u);
  other.reset();
  EXPECT_EQ(pool->stats().idle, 0u);
  lent.reset();
  EXPECT_EQ(pool->stats().idle, 1u);
  EXPECT_EQ(pool->stats().discarded, 2u);
}

SERVER_TEST(ConnectionPool, ServesFirstWhoCameFirst) {
  TestPool pool(pool_options(1));
  std::vector<int> order;
  std::vector<greenrt::GreenletRef> greenlets;
  auto lease = pool->acquire();
  for (int i = 0; i < 5; ++i) {
    greenlets.push_back(spawn([&, i] {
      const auto mine = pool->acquire();
      order.push_back(i);
      mine->query("SELECT 1");
    }));
  }
  settle();
  lease.release();
  greenrt::join_all(greenlets);
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(pool->stats().connects, 1u);
}

SERVER_TEST(ConnectionPool, LetsNobodyPassAWaiter) {
  TestPool pool(pool_options(1));
  auto lease = pool->acquire();
  bool served = false;
  auto waiter = spawn([&] {
    const auto mine = pool->acquire();
    served = true;
  });
  settle();
  lease.release();
  const auto late = pool->acquire();
  EXPECT_TRUE(served);
  waiter->join();
}

SERVER_TEST(ConnectionPool, StopsWaitingAtTheDeadline) {
  TestPool pool(pool_options(1));
  const auto lease = pool->acquire();
  EXPECT_THROW(pool->acquire(milliseconds(5)), PoolTimeout);
  EXPECT_EQ(error_of([&] { pool->acquire(milliseconds(0)); }).error_class(), ErrorClass::kWait);
  EXPECT_EQ(pool->stats().waiting, 0u);
}

SERVER_TEST(ConnectionPool, HandsOnWhatAKilledWaiterWasGiven) {
  TestPool pool(pool_options(1));
  auto lease = pool->acquire();
  auto victim = spawn([&] {
    pool->acquire();
    FAIL();
  });
  auto heir = spawn([&] { return pool->acquire()->query("SELECT 1")[0].int64(0); });
  settle();
  lease.release();  // the victim has it now, and has not run yet
  victim->kill_soon();
  EXPECT_EQ(heir->get(), 1);
  EXPECT_EQ(pool->stats().idle, 1u);
  EXPECT_EQ(pool->stats().connects, 1u);
}

SERVER_TEST(ConnectionPool, ReplacesAConnectionThatBrokeAtADeadline) {
  TestPool pool(pool_options(1));
  std::uint64_t broken = 0;
  {
    const auto lease = pool->acquire();
    broken = lease->thread_id();
    EXPECT_THROW(lease->query("SELECT SLEEP(5)", milliseconds(5)), DeadlineError);
  }
  EXPECT_EQ(pool->stats().discarded, 1u);
  EXPECT_EQ(pool->stats().idle, 0u);
  EXPECT_NE(pool->acquire()->thread_id(), broken);
  EXPECT_EQ(pool->stats().errors[ErrorClass::kReconnect], 1u);
}

SERVER_TEST(ConnectionPool, ReplacesAConnectionWhoseGreenletWasKilled) {
  TestPool pool(pool_options(1));
  std::uint64_t broken = 0;
  auto victim = spawn([&] {
    const auto lease = pool->acquire();
    broken = lease->thread_id();
    lease->query("SELECT SLEEP(5)");
  });
  while (broken == 0)
    greenrt::yield();
  wait_until_executing(broken, "SELECT SLEEP");
  auto next = spawn([&] { return pool->acquire()->thread_id(); });
  settle();
  victim->kill();
  EXPECT_NE(next->get(), broken);
  EXPECT_EQ(pool->stats().discarded, 1u);
}

SERVER_TEST(ConnectionPool, DoesNotLendWhatTheServerHasClosed) {
  TestPool pool(pool_options(2));
  const auto closed = pool->acquire()->thread_id();
  server().sql("KILL " + std::to_string(closed));
  wait_for_sessions(0);
  const auto lease = pool->acquire();
  EXPECT_NE(lease->thread_id(), closed);
  EXPECT_EQ(lease->query("SELECT 1")[0].int64(0), 1);
  EXPECT_EQ(pool->stats().discarded, 1u);
}

SERVER_TEST(ConnectionPool, DoesNotLendAnOpenTransaction) {
  TestPool pool(pool_options(1));
  pool->acquire()->execute("START TRANSACTION");
  EXPECT_FALSE(pool->acquire()->in_transaction());
  EXPECT_EQ(pool->stats().discarded, 1u);
}

SERVER_TEST(ConnectionPool, DoesNotLendWhatIsTooOld) {
  PoolOptions options = pool_options(1);
  options.max_age = std::chrono::nanoseconds(1);
  TestPool pool(options);
  const auto first = pool->acquire()->thread_id();
  EXPECT_NE(pool->acquire()->thread_id(), first);
}

SERVER_TEST(ConnectionPool, MovesOnFromANodeThatIsNotReady) {
  ConnectOptions connect = tcp_options();
  connect.endpoints.push_back(socket_options().endpoints[0]);
  TestPool pool(pool_options(1, connect));
  {
    const auto lease = pool->acquire();
    EXPECT_EQ(lease->endpoint(), connect.endpoints[0]);
    // As a Galera node says that is cut off from its cluster.
    const Error error = error_of([&] { lease->query("SIGNAL SQLSTATE '08S01' SET MYSQL_ERRNO = 1047"); });
    EXPECT_EQ(error.code(), 1047u);
    EXPECT_TRUE(lease->broken());
  }
  EXPECT_EQ(pool->acquire()->endpoint(), connect.endpoints[1]);
}

ConnectOptions two_hosts() {
  ConnectOptions connect = tcp_options();
  connect.endpoints.push_back(socket_options().endpoints[0]);
  return connect;
}

SERVER_TEST(ConnectionPool, MovesOnFromAServerThatIsReadOnly) {
  const ConnectOptions connect = two_hosts();
  TestPool pool(pool_options(1, connect));
  {
    const auto lease = pool->acquire();
    EXPECT_EQ(error_of([&] { lease->query("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1290"); }).code(), 1290u);
    EXPECT_FALSE(lease->broken());
  }
  EXPECT_EQ(pool->acquire()->endpoint(), connect.endpoints[1]);
  EXPECT_EQ(pool->hosts()->changes(), 1u);
}

SERVER_TEST(ConnectionPool, KeepsTheConnectionToTheOnlyServerThoughThatIsReadOnly) {
  TestPool pool(pool_options(1));
  const auto first = pool->acquire()->thread_id();
  EXPECT_THROW(pool->acquire()->query("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1290"), Error);
  EXPECT_EQ(pool->acquire()->thread_id(), first);
}

SERVER_TEST(ConnectionPool, HasAllConnectionsToOneServer) {
  const ConnectOptions connect = two_hosts();
  TestPool pool(pool_options(3, connect));
  auto on_loan = pool->acquire();
  pool->acquire();  // a second one, idle
  EXPECT_EQ(pool->stats().idle, 1u);
  pool->hosts()->leave(connect.endpoints[0], "a test");
  EXPECT_EQ(pool->stats().idle, 0u) << "closed at once";
  EXPECT_EQ(pool->acquire()->endpoint(), connect.endpoints[1]);
  EXPECT_TRUE(on_loan->broken()) << "whoever waits for an answer of that server need not wait any longer";
  on_loan.release();
  EXPECT_EQ(pool->stats().idle, 1u) << "closed when it came back";
  EXPECT_EQ(pool->acquire()->endpoint(), connect.endpoints[1]);
}

SERVER_TEST(ConnectionPool, BreaksOffTheCallsThatWaitForAServerThatIsLeft) {
  const ConnectOptions connect = two_hosts();
  TestPool pool(pool_options(2, connect));
  auto lease = pool->acquire();
  const auto sleeper = spawn([&] { EXPECT_THROW(lease->query("SELECT SLEEP(1000)"), Error); });
  wait_until_executing(lease->thread_id(), "SELECT SLEEP");
  pool->hosts()->leave(connect.endpoints[0], "a test");
  sleeper->join();
}

SERVER_TEST(ConnectionPool, LeavesAServerThatAnswersNoCallAnyMore) {
  const ConnectOptions connect = two_hosts();
  TestPool pool(pool_options(2, connect));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(pool->hosts()->current(), connect.endpoints[0]);
    EXPECT_THROW(pool->acquire()->query("SELECT SLEEP(1000)", milliseconds(20)), DeadlineError);
  }
  EXPECT_EQ(pool->hosts()->current(), connect.endpoints[1]);
}

SERVER_TEST(ConnectionPool, StaysOnAServerWhereASlowCallIsGivenUpNowAndThen) {
  const ConnectOptions connect = two_hosts();
  TestPool pool(pool_options(2, connect));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THROW(pool->acquire()->query("SELECT SLEEP(1000)", milliseconds(20)), DeadlineError);
    const auto lease = pool->acquire();
    Transaction(*lease).commit();
  }
  EXPECT_EQ(pool->hosts()->current(), connect.endpoints[0]);
}

SERVER_TEST(ConnectionPool, ConnectsAsSoonAsSomebodyElseDoes) {
  PoolOptions options = pool_options(1, tcp_options());
  options.back_off_min = options.back_off_max = hours(1);
  int failures = 1;
  options.connect.endpoints[0].host = "db.example";
  options.connect.resolver = [&](const std::string&) {
    if (failures-- > 0) throw std::runtime_error("no such host");
    return std::vector<std::string>{"127.0.0.1"};
  };
  options.hosts = std::make_shared<HostChoice>(options.connect.endpoints);
  TestPool pool(options);
  const auto waiter = spawn([&] { pool->acquire(); });
  while (pool->stats().connect_failures == 0)
    greenrt::testing::let_poll();
  Dialer(options.connect, 1, options.hosts).connect();
  waiter->join();
  EXPECT_EQ(pool->stats().connects, 1u);
}

SERVER_TEST(ConnectionPool, StaysWhereOneConnectionWasLost) {
  const ConnectOptions connect = two_hosts();
  TestPool pool(pool_options(2, connect));
  {
    const auto lease = pool->acquire();
    server().sql("KILL " + std::to_string(lease->thread_id()));
    EXPECT_THROW(lease->query("SELECT 1"), Error);
  }
  EXPECT_EQ(pool->acquire()->endpoint(), connect.endpoints[0]);
  EXPECT_EQ(pool->hosts()->changes(), 0u);
  EXPECT_EQ(pool->hosts()->losses(), 0u) << "its server lives";
}

SERVER_TEST(ConnectionPool, NotesThatItsServerHasDied) {
  wait_until_old();
  TestPool pool(pool_options(1));
  pool->acquire();
  server().kill();
  server().start();
  pool->acquire();
  EXPECT_EQ(pool->hosts()->losses(), 1u);
  EXPECT_EQ(pool->hosts()->changes(), 0u);
}

SERVER_TEST(ConnectionPool, ReplacesAConnectionThatItsUserBroke) {
  TestPool pool(pool_options(1, two_hosts()));
  pool->acquire()->discard();
  pool->acquire()->execute("START TRANSACTION");
  pool->acquire();
  EXPECT_EQ(pool->stats().discarded, 2u);
  EXPECT_EQ(pool->hosts()->changes(), 0u);
}

TEST(ConnectionPool, GoesToTheOtherServerWhenOneDiesAndStaysThere) {
  PrivateMariadb own;
  server();
  greenrt::testing::run_in_hub([&] {
    ConnectOptions connect = tcp_options();
    const Endpoint other = connect.endpoints[0];
    connect.endpoints.insert(connect.endpoints.begin(), {.host = "127.0.0.1", .port = own.port(), .socket = {}});
    TestPool pool(pool_options(2, connect));
    EXPECT_EQ(pool->acquire()->endpoint(), connect.endpoints[0]);
    own.kill();
    while (pool->acquire()->endpoint() != other)
      greenrt::testing::let_poll();  // the end of the process is being noticed
    EXPECT_EQ(pool->hosts()->changes(), 1u);
    own.start();
    auto first = pool->acquire();
    EXPECT_EQ(pool->acquire()->endpoint(), other) << "a new one, too";
    EXPECT_EQ(pool->hosts()->changes(), 1u);
  });
}

SERVER_TEST(ConnectionPool, LeavesAServerThatHasNoRoomForItsFirstConnection) {
  server().sql("CREATE OR REPLACE USER crowd@'%' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 1");
  ConnectOptions connect = two_hosts();
  connect.user = "crowd";
  connect.password = "x";
  PoolOptions options = pool_options(2, connect);
  options.back_off_min = options.back_off_max = hours(1);
  std::optional<TestPool> pool(std::in_place, options);
  const auto fails_once = [&] {
    auto waiter = spawn([&] { EXPECT_THROW((*pool)->acquire(), PoolClosed); });
    while ((*pool)->stats().connect_failures == 0)
      greenrt::testing::let_poll();
    return waiter;
  };
  auto lease = (*pool)->acquire();
  auto waiter = fails_once();
  EXPECT_EQ((*pool)->hosts()->current(), connect.endpoints[0]) << "one works there";
  pool.reset();
  waiter->join();

  pool.emplace(options);
  waiter = fails_once();
  EXPECT_EQ((*pool)->hosts()->current(), connect.endpoints[1]) << "none works there";
  pool.reset();
  waiter->join();
}

SERVER_TEST(ConnectionPool, KeepsAConnectionOnWhichAStatementFailed) {
  TestPool pool(pool_options(1));
  const auto first = pool->acquire()->thread_id();
  EXPECT_THROW(pool->acquire()->query("SELECT nothing"), Error);
  EXPECT_EQ(pool->acquire()->thread_id(), first);
  EXPECT_EQ(pool->stats().errors[ErrorClass::kStopAndAlarm], 1u);
}

HUB_TEST(ConnectionPool, AsksOneAtATimeWhileNobodyAnswers) {
  TestPool pool(pool_options(8, unreachable()));
  std::vector<greenrt::GreenletRef> waiters;
  for (int i = 0; i < 8; ++i)
    waiters.push_back(spawn([&] { EXPECT_THROW(pool->acquire(), PoolClosed); }));
  while (pool->stats().connect_failures < 2)
    greenrt::yield();
  while (pool->stats().connect_failures < 8) {
    EXPECT_LE(pool->stats().connecting, 1u);
    greenrt::testing::let_poll();
  }
  EXPECT_THAT(pool->last_error(), HasSubstr("127.0.0.1:"));
  EXPECT_EQ(pool->stats().waiting, 8u) << "whoever has time waits on";
  EXPECT_THAT(error_of([&] { pool->acquire(milliseconds(0)); }).what(), HasSubstr(pool->last_error()));
  pool->close();
  greenrt::join_all(waiters);
}

HUB_TEST(ConnectionPool, StopsAskingWhenNobodyWaits) {
  TestPool pool(pool_options(8, unreachable()));
  EXPECT_THROW(pool->acquire(milliseconds(30)), PoolTimeout);
  while (pool->stats().connecting > 0)
    greenrt::yield();
  const auto failures = pool->stats().connect_failures;
  greenrt::sleep(milliseconds(20));
  EXPECT_EQ(pool->stats().connect_failures, failures);
}

SERVER_TEST(ConnectionPool, ConnectsAFewAtATime) {
  PoolOptions options = pool_options(8);
  options.concurrent_connects = 2;
  TestPool pool(options);
  std::vector<greenrt::GreenletRef> users;
  for (int i = 0; i < 8; ++i)
    users.push_back(spawn([&] { pool->acquire()->query("SELECT SLEEP(0.05)"); }));
  while (!greenrt::join_all(users, milliseconds(0))) {
    EXPECT_LE(pool->stats().connecting, 2u);
    EXPECT_LE(pool->stats().leased + pool->stats().idle + pool->stats().connecting, 8u);
    greenrt::testing::let_poll();
  }
}

TEST(ConnectionPool, SurvivesACrashOfTheServer) {
  PrivateMariadb own;
  greenrt::testing::run_in_hub([&] {
    ConnectOptions connect;
    connect.endpoints = {{.host = "127.0.0.1", .port = own.port(), .socket = {}}};
    connect.user = PrivateMariadb::kUser;
    connect.password = PrivateMariadb::kPassword;
    TestPool pool(pool_options(2, connect));
    const auto lease = pool->acquire();
    pool->acquire();  // a second one, idle during the crash

    own.kill();
    EXPECT_EQ(error_of([&] { lease->query("SELECT 1"); }).error_class(), ErrorClass::kReconnect);
    EXPECT_THROW(pool->acquire(milliseconds(50)), PoolTimeout);
    auto waiting = spawn([&] { return pool->acquire(hours(1))->query("SELECT 1")[0].int64(0); });
    while (pool->stats().connect_failures < 3)
      greenrt::yield();

    own.start();
    EXPECT_EQ(waiting->get(), 1);
    EXPECT_THAT(pool->last_error(), IsEmpty());
  });
}

SERVER_TEST(ConnectionPool, TurnsWaitersAwayWhenItCloses) {
  TestPool pool(pool_options(1));
  const auto lease = pool->acquire();
  auto waiter = spawn([&] { pool->acquire(); });
  auto asked = spawn([&] { EXPECT_THROW(pool->acquire(), PoolClosed); });
  waiter->kill();
  settle();
  pool->close();
  asked->join();
  EXPECT_THROW(pool->acquire(), PoolClosed);
}

SERVER_TEST(ConnectionPool, LetsLeasesFinishAfterItClosed) {
  TestPool pool(pool_options(2));
  auto lease = pool->acquire();
  pool->acquire();  // makes a second one, which is idle then
  pool->close();
  wait_for_sessions(1);
  EXPECT_EQ(lease->query("SELECT 1")[0].int64(0), 1);
  lease.release();
  wait_for_sessions(0);
}

SERVER_TEST(ConnectionPool, MayGoBeforeItsLeases) {
  TestPool pool(pool_options(1));
  auto lease = pool->acquire();
  pool.destroy();
  EXPECT_EQ(lease->query("SELECT 1")[0].int64(0), 1);
  lease = Lease();
  wait_for_sessions(0);
}

SERVER_TEST(ConnectionPool, ClosesWhileItConnects) {
  TestPool pool(pool_options(2));
  auto waiter = spawn([&] { EXPECT_THROW(pool->acquire(), PoolClosed); });
  settle();
  EXPECT_EQ(pool->stats().connecting, 1u);
  pool.destroy();
  waiter->join();
  wait_for_sessions(0);
}

}  // namespace
}  // namespace db
