#include "db/dialer.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>

#include "greenrt/stream.h"
#include "greenrt/timeout.h"
#include "tests/db/server_fixture.h"

namespace db {
namespace {

using namespace db::testing;
using greenrt::spawn;
using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

greenrt::SocketAddress any_loopback_port() {
  return greenrt::SocketAddress::parse("127.0.0.1", 0).value();
}

Endpoint endpoint_of(const greenrt::Listener& listener) {
  return {.host = "127.0.0.1", .port = listener.local_address().port(), .socket = {}};
}

// A port on which nobody listens.
Endpoint closed_port() {
  auto listener = greenrt::Listener::bind_tcp(any_loopback_port());
  Endpoint endpoint = endpoint_of(listener);
  listener.close();
  return endpoint;
}

// A resolver that does not answer until it is told to.
class StuckResolver {
 public:
  Resolver resolver() {
    return [this](const std::string&) {
      std::unique_lock lock(mutex_);
      ++asked_;
      released_.wait(lock, [this] { return open_; });
      return std::vector<std::string>{"127.0.0.1"};
    };
  }
  int asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  void stick() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void release() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    released_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable released_;
  bool open_ = false;
  int asked_ = 0;
};

ConnectOptions by_name(StuckResolver& resolver) {
  ConnectOptions options = tcp_options();
  options.endpoints[0].host = "db.example";
  options.resolver = resolver.resolver();
  return options;
}

SERVER_TEST(Dialer, ConnectsOverTcpAndOverAUnixSocket) {
  EXPECT_EQ(connect(tcp_options())->query("SELECT 1")[0].int64(0), 1);
  EXPECT_EQ(connect(socket_options())->query("SELECT 1")[0].int64(0), 1);
}

SERVER_TEST(Dialer, FindsTheServerByItsName) {
  ConnectOptions options = tcp_options();
  options.endpoints[0].host = "localhost";
  EXPECT_EQ(connect(options)->query("SELECT 1")[0].int64(0), 1);
}

SERVER_TEST(Dialer, VerifiesTheNameOfTheServer) {
  ConnectOptions options = tls_options();
  options.endpoints[0].host = "localhost";
  EXPECT_EQ(connect(options)->query("SELECT 1")[0].int64(0), 1);
  options.endpoints[0].host = "127.0.0.2";
  EXPECT_EQ(error_of([&] { connect(options); }).error_class(), ErrorClass::kReconnect);
}

HUB_TEST(Dialer, NeedsAnEndpoint) {
  EXPECT_THROW(Dialer{ConnectOptions{}}, std::invalid_argument);
}

SERVER_TEST(Dialer, SaysThatTheAccountIsRefused) {
  ConnectOptions options = tcp_options();
  options.password = "wrong";
  std::vector<ErrorClass> seen;
  options.on_error = [&](const Error& error) { seen.push_back(error.error_class()); };
  EXPECT_EQ(error_of([&] { connect(options); }).code(), 1045u);
  EXPECT_THAT(seen, ElementsAre(ErrorClass::kStopAndAlarm));
}

SERVER_TEST(Dialer, SaysThatTheDatabaseIsUnknown) {
  EXPECT_EQ(error_of([&] { connect(tcp_options("nowhere")); }).code(), 1049u);
}

HUB_TEST(Dialer, SaysThatNobodyListens) {
  ConnectOptions options;
  options.endpoints = {closed_port()};
  const Error error = error_of([&] { connect(options); });
  EXPECT_EQ(error.error_class(), ErrorClass::kReconnect);
  EXPECT_THAT(error.what(), HasSubstr(options.endpoints[0].to_string()));
}

HUB_TEST(Dialer, LeavesTheHubAloneWhileAServerSaysNothing) {
  auto listener = greenrt::Listener::bind_tcp(any_loopback_port());
  ConnectOptions options;
  options.endpoints = {endpoint_of(listener)};
  options.connect_timeout = milliseconds(200);
  Dialer dialer(options);
  auto connecting = spawn([&] { return error_of([&] { dialer.connect(); }).error_class(); });
  // The other greenlet runs all the while: it accepts, and sees the peer give up.
  auto peer = listener.accept();
  std::byte byte{};
  EXPECT_EQ(peer.read_some({&byte, 1}), 0u);
  EXPECT_EQ(connecting->get(), ErrorClass::kReconnect);
}

HUB_TEST(Dialer, LeavesTheHubAloneWhileAServerDoesNotAccept) {
  auto listener = greenrt::Listener::bind_tcp(any_loopback_port(), 0);
  const auto filler = greenrt::Stream::connect(listener.local_address());
  ConnectOptions options;
  options.endpoints = {endpoint_of(listener)};
  options.connect_timeout = milliseconds(100);
  Dialer dialer(options);
  auto connecting = spawn([&] { return error_of([&] { dialer.connect(); }).error_class(); });
  int turns = 0;
  while (!connecting->ready()) {
    greenrt::testing::let_poll();
    ++turns;
  }
  EXPECT_GT(turns, 2);
  EXPECT_EQ(connecting->get(), ErrorClass::kReconnect);
}

SERVER_TEST(Dialer, GoesOnToTheNextEndpoint) {
  ConnectOptions options = tcp_options();
  const Endpoint good = options.endpoints[0];
  options.endpoints = {closed_port(), good};
  int errors = 0;
  options.on_error = [&](const Error&) { ++errors; };
  Dialer dialer(options);
  EXPECT_EQ(dialer.connect()->endpoint(), good);
  EXPECT_EQ(errors, 1);
  EXPECT_EQ(dialer.connect()->endpoint(), good);
  EXPECT_EQ(errors, 1) << "it begins with the one that worked";
}

SERVER_TEST(Dialer, GoesWhereTheOthersAreThatShareItsChoice) {
  ConnectOptions options = tcp_options();
  options.endpoints.push_back(socket_options().endpoints[0]);
  const auto hosts = std::make_shared<HostChoice>(options.endpoints);
  Dialer one(options, 1, hosts);
  Dialer other(options, 1, hosts);
  EXPECT_EQ(one.connect()->endpoint(), options.endpoints[0]);
  hosts->leave(options.endpoints[0], "a test");
  EXPECT_EQ(one.connect()->endpoint(), options.endpoints[1]);
  EXPECT_EQ(other.connect()->endpoint(), options.endpoints[1]);
  EXPECT_EQ(hosts->changes(), 1u);
}

SERVER_TEST(Dialer, GivesUpAConnectionToAServerThatWasLeftMeanwhile) {
  StuckResolver resolver;
  ConnectOptions options = by_name(resolver);
  options.endpoints.push_back(socket_options().endpoints[0]);
  const auto hosts = std::make_shared<HostChoice>(options.endpoints);
  Dialer dialer(options, 1, hosts);
  auto connecting = spawn([&] { return dialer.connect()->endpoint(); });
  while (resolver.asked() == 0)
    greenrt::yield();
  hosts->leave(options.endpoints[0], "a test");
  resolver.release();
  EXPECT_EQ(connecting->get(), options.endpoints[1]);
}

// Makes the shared server refuse writes, for a test.
class ReadOnlyServer {
 public:
  ReadOnlyServer() { server().sql("SET GLOBAL read_only = 1"); }
  ~ReadOnlyServer() { server().sql("SET GLOBAL read_only = 0"); }
  ReadOnlyServer(const ReadOnlyServer&) = delete;
  ReadOnlyServer& operator=(const ReadOnlyServer&) = delete;
};

SERVER_TEST(Dialer, RefusesAServerThatIsReadOnly) {
  const ReadOnlyServer read_only;
  const Error error = error_of([] { connect(tcp_options()); });
  EXPECT_EQ(error.error_class(), ErrorClass::kWait);
  EXPECT_EQ(error.what(), tcp_options().endpoints[0].to_string() + ": the server is read-only (read_only)");
}

SERVER_TEST(Dialer, StaysWithAServerThatHasTooManyConnections) {
  server().sql("CREATE OR REPLACE USER crowd@'%' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 1");
  ConnectOptions options = tcp_options();
  options.user = "crowd";
  options.password = "x";
  options.endpoints.push_back(socket_options().endpoints[0]);
  Dialer dialer(options);
  const auto only_one = dialer.connect();
  EXPECT_TRUE(error_of([&] { dialer.connect(); }).is_crowded_host());
  EXPECT_EQ(dialer.hosts()->current(), options.endpoints[0]);
}

SERVER_TEST(Dialer, LeavesTheHubAloneWhileTheResolverDoesNotAnswer) {
  StuckResolver resolver;
  ConnectOptions options = by_name(resolver);
  options.connect_timeout = hours(1);
  Dialer dialer(options);
  auto connecting = spawn([&] { return dialer.connect()->query("SELECT 1")[0].int64(0); });
  while (resolver.asked() == 0)
    greenrt::yield();
  for (int turn = 0; turn < 100; ++turn)
    greenrt::testing::let_poll();
  EXPECT_FALSE(connecting->ready());
  resolver.release();
  EXPECT_EQ(connecting->get(), 1);
}

SERVER_TEST(Dialer, GivesUpOnAResolverThatDoesNotAnswer) {
  StuckResolver resolver;
  ConnectOptions options = by_name(resolver);
  options.connect_timeout = milliseconds(20);
  Dialer dialer(options);
  while (resolver.asked() < 2)
    EXPECT_THAT(error_of([&] { dialer.connect(); }).what(), HasSubstr("does not answer"));
  EXPECT_THAT(error_of([&] { dialer.connect(); }).what(), HasSubstr("still unanswered"));
  EXPECT_EQ(resolver.asked(), 2) << "no more threads are lost to it";
  resolver.release();
}

SERVER_TEST(Dialer, UsesTheLastGoodAddressWhenTheResolverFails) {
  ConnectOptions options = tcp_options();
  options.endpoints[0].host = "db.example";
  bool fails = false;
  options.resolver = [&fails](const std::string&) -> std::vector<std::string> {
    if (fails) throw std::runtime_error("server failure");
    return {"127.0.0.1"};
  };
  Dialer dialer(options);
  EXPECT_EQ(dialer.connect()->query("SELECT 1")[0].int64(0), 1);
  fails = true;
  EXPECT_EQ(dialer.connect()->query("SELECT 1")[0].int64(0), 1);
}

SERVER_TEST(Dialer, TriesEveryAddressOfAName) {
  ConnectOptions options = tcp_options();
  options.endpoints[0].host = "db.example";
  options.resolver = [](const std::string&) { return std::vector<std::string>{"::1", "127.0.0.1"}; };
  EXPECT_EQ(connect(options)->query("SELECT 1")[0].int64(0), 1);
}

SERVER_TEST(Dialer, ClosesWhatNobodyWaitsForAnyMore) {
  StuckResolver resolver;
  ConnectOptions options = by_name(resolver);
  options.endpoints[0].host = "127.0.0.1";
  {
    Dialer dialer(options);
    auto connecting = spawn([&] { dialer.connect(); });
    greenrt::yield();
    connecting->kill();
    EXPECT_TRUE(connecting->successful());
  }
  wait_for_sessions(0);
}

SERVER_TEST(Dialer, PassesATimeoutOfItsCallerOn) {
  StuckResolver resolver;
  Dialer dialer(by_name(resolver));
  {
    greenrt::Timeout timeout(milliseconds(10));
    EXPECT_THROW(dialer.connect(), greenrt::TimeoutExpired);
  }
  resolver.release();
}

}  // namespace
}  // namespace db
