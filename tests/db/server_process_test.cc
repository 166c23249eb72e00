// Whether two sessions are with one process of a server, by what it said to each.

#include "db/server_process.h"

#include <gmock/gmock.h>

#include "tests/db/server_fixture.h"

namespace db {
namespace {

using namespace db::testing;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::IsEmpty;

const auto kNow = greenrt::Clock::time_point(hours(1000));

ServerProcess process(const std::string& uptime, greenrt::Clock::time_point answered = kNow,
                      const std::string& hostname = "db1", const std::string& port = "3306") {
  return identify_server({{"Uptime", uptime}, {"hostname", hostname}, {"port", port}, {"datadir", "/var/lib/mysql/"}},
                         answered - milliseconds(5), answered);
}

TEST(ServerProcess, IsTheSameThatHasGrownOlderMeanwhile) {
  EXPECT_TRUE(is_same_process(process("100"), process("100")));
  EXPECT_TRUE(is_same_process(process("100"), process("3700", kNow + hours(1))));
  EXPECT_TRUE(is_same_process(process("3700", kNow + hours(1)), process("100"))) << "in either order";
}

TEST(ServerProcess, IsTheSameThoughAgesAreRounded) {
  EXPECT_TRUE(is_same_process(process("100"), process("101")));
  EXPECT_TRUE(is_same_process(process("100"), process("100", kNow + milliseconds(999))));
}

TEST(ServerProcess, IsAnotherThatBeganLater) {
  EXPECT_FALSE(is_same_process(process("100"), process("0", kNow + seconds(3))));
  EXPECT_FALSE(is_same_process(process("100"), process("97", kNow)));
}

TEST(ServerProcess, IsAnotherOnAnotherHostOrPort) {
  EXPECT_FALSE(is_same_process(process("100"), process("100", kNow, "db2")));
  EXPECT_FALSE(is_same_process(process("100"), process("100", kNow, "db1", "3307")));
}

TEST(ServerProcess, IsNobodyWhenTheServerDoesNotSayItsAge) {
  for (const char* uptime : {"", "x", "12x"}) {
    EXPECT_THAT(process(uptime).where, IsEmpty());
    EXPECT_FALSE(is_same_process(process(uptime), process(uptime)));
  }
}

SERVER_TEST(ServerProcess, IsKnownOfEveryConnection) {
  const auto one = connect(tcp_options());
  const auto other = connect(socket_options());
  EXPECT_TRUE(is_same_process(one->server(), other->server())) << one->server().where;
}

SERVER_TEST(ServerProcess, IsAnotherAfterARestart) {
  wait_until_old();
  const ServerProcess before = connect(tcp_options())->server();
  server().kill();
  server().start();
  EXPECT_FALSE(is_same_process(before, connect(tcp_options())->server()));
}

}  // namespace
}  // namespace db
