#include "daemon/handed_sockets.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/daemon/daemon_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using greenrt::SocketAddress;
using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kFirst = 60;  // above what tests have open

// Sockets as systemd would leave them: at the descriptors from `first` on, and open in every program that is run.
class ServiceManager {
 public:
  explicit ServiceManager(int first = kFirst) : first_(first) {}

  SocketAddress hand(std::string name, const char* host = "127.0.0.1", int type = SOCK_DGRAM) {
    const auto address = SocketAddress::parse(host, 0);
    const int fd = ::socket(address->family(), type, 0);
    EXPECT_EQ(::bind(fd, address->raw(), address->size()), 0);
    const SocketAddress bound = SocketAddress::local_of(fd);
    put(fd, std::move(name));
    return bound;
  }

  void put(int fd, std::string name) {
    const int wanted = first_ + static_cast<int>(names.size());
    EXPECT_EQ(::fcntl(wanted, F_GETFD), -1) << "the descriptor is taken";
    EXPECT_EQ(::dup2(fd, wanted), wanted);
    ::close(fd);
    names.push_back(std::move(name));
  }

  [[nodiscard]] HandedSockets sockets() const { return {first_, names}; }

  std::vector<std::string> names;

 private:
  int first_;
};

Config config_for(const SocketAddress& field, const SocketAddress& trackers) {
  Config config = test_config();
  config.listeners[0].port = field.port();
  config.listeners[1].port = trackers.port();
  return config;
}

HUB_TEST(HandedSockets, GoToTheListenersWithTheirAddresses) {
  ServiceManager manager;
  const SocketAddress trackers = manager.hand("hilera.socket");
  const SocketAddress field = manager.hand("hilera.socket");
  HandedSockets sockets = manager.sockets();
  sockets.assign(config_for(field, trackers).listeners);
  EXPECT_EQ(sockets.take("field")->local_address(), field);
  EXPECT_EQ(sockets.take("trackers")->local_address(), trackers);
  EXPECT_FALSE(sockets.take("field")) << "taken already";
}

HUB_TEST(HandedSockets, GoToTheListenersWithTheirNames) {
  ServiceManager manager;
  const SocketAddress trackers = manager.hand("trackers");
  HandedSockets sockets = manager.sockets();
  sockets.assign(test_config().listeners);  // whose ports are left open
  EXPECT_FALSE(sockets.take("field"));
  EXPECT_EQ(sockets.take("trackers")->local_address(), trackers);
}

HUB_TEST(HandedSockets, AreNotOpenInProgramsThatAreRun) {
  ServiceManager manager;
  manager.hand("trackers");
  const HandedSockets sockets = manager.sockets();
  EXPECT_EQ(::fcntl(kFirst, F_GETFD), FD_CLOEXEC);
}

HUB_TEST(HandedSockets, AreClosedWhenNobodyTakesThem) {
  ServiceManager manager;
  manager.hand("trackers");
  { const HandedSockets sockets = manager.sockets(); }
  EXPECT_EQ(::fcntl(kFirst, F_GETFD), -1);
}

HUB_TEST(HandedSockets, EachThatFitsNoListenerIsNamedAndClosedAndTheOthersAreTaken) {
  ServiceManager manager;
  const SocketAddress first = manager.hand("hilera.socket");
  const SocketAddress trackers = manager.hand("trackers");
  const SocketAddress last = manager.hand("");
  HandedSockets sockets = manager.sockets();
  sockets.assign(test_config().listeners);
  EXPECT_THAT(
      sockets.misfits(),
      ElementsAre("the socket \"hilera.socket\" at " + first.to_string() + ", handed over by systemd, fits no listener",
                  "the socket at " + last.to_string() + ", handed over by systemd, fits no listener"));
  EXPECT_EQ(::fcntl(kFirst, F_GETFD), -1) << "left open";
  EXPECT_EQ(::fcntl(kFirst + 2, F_GETFD), -1) << "left open";
  EXPECT_FALSE(sockets.take("field"));
  EXPECT_EQ(sockets.take("trackers")->local_address(), trackers);
}

HUB_TEST(HandedSockets, OneThatListensElsewhereThanItsListenerFitsNone) {
  Config config = test_config();
  {
    ServiceManager manager;
    manager.hand("field", "0.0.0.0");
    HandedSockets sockets = manager.sockets();
    sockets.assign(config.listeners);
    EXPECT_THAT(sockets.misfits(),
                ElementsAre(HasSubstr("has the name of a listener that is configured at 127.0.0.1:0")));
  }
  ServiceManager manager;
  const SocketAddress field = manager.hand("field", "0.0.0.0");
  config.listeners[0].address = "0.0.0.0";
  config.listeners[0].port = static_cast<std::uint16_t>(field.port() ^ 1);
  HandedSockets sockets = manager.sockets();
  sockets.assign(config.listeners);
  EXPECT_THAT(sockets.misfits(),
              ElementsAre(HasSubstr("configured at 0.0.0.0:" + std::to_string(config.listeners[0].port))));
}

HUB_TEST(HandedSockets, OfTwoForOneListenerTheFirstIsTaken) {
  ServiceManager manager;
  const SocketAddress first = manager.hand("field");
  manager.hand("field");
  HandedSockets sockets = manager.sockets();
  sockets.assign(test_config().listeners);
  EXPECT_THAT(sockets.misfits(), ElementsAre(HasSubstr("is the second one for listener field")));
  EXPECT_EQ(sockets.take("field")->local_address(), first);
}

HUB_TEST(HandedSockets, WhatIsNoBoundUdpSocketIsRefused) {
  const auto refusal_of = [](const ServiceManager& manager) -> std::string {
    try {
      const HandedSockets sockets = manager.sockets();
      return "nothing";
    } catch (const HandedSocketError& error) {
      EXPECT_EQ(::fcntl(kFirst, F_GETFD), -1) << "left open";
      return error.what();
    }
  };
  ServiceManager stream;
  stream.hand("field", "127.0.0.1", SOCK_STREAM);
  EXPECT_THAT(refusal_of(stream), HasSubstr("descriptor 60 handed over by systemd is not a UDP socket"));
  ServiceManager local;
  local.put(::socket(AF_UNIX, SOCK_DGRAM, 0), "field");
  EXPECT_THAT(refusal_of(local), HasSubstr("not a UDP socket"));
  ServiceManager unbound;
  unbound.put(::socket(AF_INET, SOCK_DGRAM, 0), "field");
  EXPECT_THAT(refusal_of(unbound), HasSubstr("not bound to a port"));
  ServiceManager file;
  file.put(::open("/", O_RDONLY), "field");
  EXPECT_THAT(refusal_of(file), HasSubstr("not a socket"));
  ServiceManager nothing;
  nothing.names.emplace_back("field");
  EXPECT_THAT(refusal_of(nothing), HasSubstr("not open"));
}

class HandedSocketsFromEnvironment : public ::testing::Test {
 protected:
  void SetUp() override { TearDown(); }
  void TearDown() override {
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
      unsetenv(name);
  }
  static void set(const std::string& pid, const char* count, const char* names = nullptr) {
    setenv("LISTEN_PID", pid.c_str(), 1);
    setenv("LISTEN_FDS", count, 1);
    if (names != nullptr) setenv("LISTEN_FDNAMES", names, 1);
  }
  static std::string refusal() {
    try {
      HandedSockets::from_environment();
    } catch (const HandedSocketError& error) {
      return error.what();
    }
    return "nothing";
  }
  static std::string own_pid() { return std::to_string(getpid()); }
};

TEST_F(HandedSocketsFromEnvironment, WithoutTheVariablesThereAreNone) {
  EXPECT_FALSE(HandedSockets::from_environment().take("field"));
}

TEST_F(HandedSocketsFromEnvironment, ThoseOfAnotherProcessAreNotOurs) {
  set(std::to_string(getppid()), "1", "field");
  EXPECT_FALSE(HandedSockets::from_environment().take("field"));
}

TEST_F(HandedSocketsFromEnvironment, NoneMayBeHandedOver) {
  set(own_pid(), "0");
  EXPECT_EQ(refusal(), "nothing");
}

TEST_F(HandedSocketsFromEnvironment, WhatSystemdWouldNotWriteIsRefused) {
  set("me", "1");
  EXPECT_THAT(refusal(), HasSubstr("LISTEN_PID"));
  set(own_pid(), "-1");
  EXPECT_THAT(refusal(), HasSubstr("LISTEN_FDS"));
  set(own_pid(), "1", "field:trackers");
  EXPECT_THAT(refusal(), HasSubstr("LISTEN_FDNAMES has 2 names, and LISTEN_FDS says 1"));
}

HUB_TEST(IntakeOfHandedSockets, SaysWhichOnesNobodyReadsAndWhichListenersHaveOne) {
  ServiceManager manager;
  manager.hand("gone");
  manager.hand("trackers");
  HandedSockets sockets = manager.sockets();
  sockets.assign(test_config().listeners);
  const IntakeWorld world(test_config(), 0, std::move(sockets));
  EXPECT_THAT(world.intake->misfits(), ElementsAre(HasSubstr("the socket \"gone\" at ")));
  EXPECT_FALSE(world.intake->handed_over(0));
  EXPECT_TRUE(world.intake->handed_over(1));
}

HUB_TEST(IntakeOfHandedSockets, RefusesToEndOneAndSaysWhatElseHasToBeChanged) {
  ServiceManager manager;
  manager.hand("trackers");
  HandedSockets sockets = manager.sockets();
  sockets.assign(test_config().listeners);
  IntakeWorld world(test_config(), 0, std::move(sockets));
  Config config = test_config();
  config.listeners.pop_back();
  try {
    world.reconfigure(config);
    FAIL() << "it is taken";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(),
                 "listener trackers: systemd holds its socket: take it out of the socket unit, too, and restart both");
  }
}

HUB_TEST(IntakeOfHandedSockets, TakesWhatWaitedAndLeavesTheRestToTheSuccessor) {
  ServiceManager manager;
  const SocketAddress address = manager.hand("trackers");
  const int kept = ::fcntl(kFirst, F_DUPFD_CLOEXEC, 0);  // as systemd keeps it
  HandedSockets sockets = manager.sockets();
  sockets.assign(test_config().listeners);
  {
    const ingest::testing::DeviceSocket device;
    device.send(IntakeWorld::record(), address);
    IntakeWorld world(test_config(), 0, std::move(sockets));
    world.intake->start();
    world.wait_for_received(1);
    EXPECT_EQ(world.trackers().socket().local_address(), address);

    device.send(IntakeWorld::record('6'), address);
    device.send("to the other listener", world.listener(0).socket().local_address());
    world.intake->stop_receiving(hours(1));
    world.intake->finish(hours(1));
    world.intake->turn_away(hours(1));
    EXPECT_EQ(world.trackers().counters().received, 1u);
    EXPECT_EQ(world.listener(0).counters().received, 1u) << "a socket of its own is read until it is empty";
    EXPECT_TRUE(world.intake->ledger().balanced());
  }
  greenrt::UdpSocket successor = greenrt::UdpSocket::adopt(kept);
  greenrt::ReceiveBatch batch(4, 2000);
  EXPECT_TRUE(successor.try_receive(batch));
  EXPECT_EQ(batch.size(), 1u);
}

}  // namespace
}  // namespace hilera
