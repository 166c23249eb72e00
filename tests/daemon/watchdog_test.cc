#include "daemon/watchdog.h"

#include <spdlog/sinks/base_sink.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "tests/daemon/daemon_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using ingest::testing::eventually;
using ingest::testing::run_until_quiet;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::IsEmpty;

// The socket that systemd would give.
class ServiceManager {
 public:
  ServiceManager() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    address.sun_path[0] = '\0';
    const auto length = offsetof(sockaddr_un, sun_path) + name_.size();
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(length)), 0);
  }
  ~ServiceManager() { ::close(fd_); }
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }

  // The next message; empty when there is none.
  [[nodiscard]] std::string message() const {
    std::array<char, 256> buffer{};
    const ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), 0);
    return size < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(size));
  }

 private:
  int fd_;
  std::string name_ = "@watchdog-test-" + std::to_string(::getpid());
};

// Counts the lines of the log that hold "no_progress".
class Complaints final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  [[nodiscard]] int count() const { return count_; }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (std::string_view(message.payload.data(), message.payload.size()).find("no_progress") !=
        std::string_view::npos) {
      ++count_;
    }
  }
  void flush_() override {}

 private:
  std::atomic<int> count_ = 0;
};

HUB_TEST(Watchdog, SeesProgressWhileThereIsNothingToReceive) {
  IntakeWorld world;
  world.intake->start();
  run_until_quiet();
  Notifier nobody;
  Watchdog watchdog(nobody, *world.intake, hours(1));
  EXPECT_TRUE(watchdog.progress());
  EXPECT_TRUE(watchdog.progress());
}

HUB_TEST(Watchdog, SeesProgressWhileDatagramsAreTaken) {
  IntakeWorld world;
  world.intake->start();
  Notifier nobody;
  Watchdog watchdog(nobody, *world.intake, hours(1));
  for (std::uint64_t i = 1; i <= 3; ++i) {
    world.send(IntakeWorld::record());
    EXPECT_TRUE(watchdog.progress()) << "one waits now, and has been taken when it looks again";
    world.wait_for_received(i);
  }
}

HUB_TEST(Watchdog, SeesAReceiverThatLeavesItsDatagramsWhereTheyAre) {
  IntakeWorld world;  // not started: nobody receives
  Notifier nobody;
  Watchdog watchdog(nobody, *world.intake, hours(1));
  world.send(IntakeWorld::record());
  EXPECT_TRUE(watchdog.progress()) << "it may have come just now";
  EXPECT_FALSE(watchdog.progress());
  EXPECT_FALSE(watchdog.progress());
  world.intake->start();
  world.wait_for_received(1);
  EXPECT_TRUE(watchdog.progress());
}

HUB_TEST(Watchdog, SeesAReceiverThatHasEnded) {
  IntakeWorld world;
  world.intake->start();
  Notifier nobody;
  Watchdog watchdog(nobody, *world.intake, hours(1));
  EXPECT_TRUE(watchdog.progress());
  world.intake->receiver_of(1)->kill();
  EXPECT_FALSE(watchdog.progress()) << "although the other one is alive";
}

HUB_TEST(Watchdog, SeesFramesInFlightOfWhichNoneEnds) {
  IntakeWorld world;
  world.custody.hold();
  world.intake->start();
  Notifier nobody;
  Watchdog patient(nobody, *world.intake, hours(1));
  Watchdog strict(nobody, *world.intake, seconds(0));
  EXPECT_TRUE(strict.progress()) << "nothing is in flight";
  for (const char device : {'1', '2'})
    world.send(IntakeWorld::record(device));
  world.wait_for_received(2);
  EXPECT_TRUE(patient.progress());
  EXPECT_FALSE(strict.progress());
  EXPECT_FALSE(strict.progress());

  world.custody.finish(world.custody.waiting().front());
  run_until_quiet();
  EXPECT_TRUE(strict.progress()) << "one has ended, and one is left";
  EXPECT_FALSE(strict.progress());
  world.custody.let_go();
  EXPECT_TRUE(eventually([&] { return world.intake->counters().in_flight == 0; }));
  EXPECT_TRUE(strict.progress());
}

HUB_TEST(Watchdog, IsNotDeceivedByWhatIsShedWhileNoFrameEnds) {
  Config config = test_config();
  config.pipeline.max_in_flight = 1;
  IntakeWorld world(config);
  world.custody.hold();
  world.intake->start();
  Notifier nobody;
  Watchdog watchdog(nobody, *world.intake, seconds(0));
  for (std::uint64_t i = 1; i <= 3; ++i) {
    world.send(IntakeWorld::record());
    world.wait_for_received(i);
    EXPECT_FALSE(watchdog.progress());
  }
  world.custody.let_go();
}

HUB_TEST(Watchdog, TellsTheServiceManagerAgainAndAgain) {
  const ServiceManager manager;
  IntakeWorld world;
  world.intake->start();
  Notifier notifier(manager.name(), milliseconds(4));
  const Watchdog watchdog(notifier, *world.intake, hours(1));
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(eventually([&] { return manager.message() == "WATCHDOG=1"; }));
}

HUB_TEST(Watchdog, TellsNothingWithoutProgress) {
  auto complaints = std::make_shared<Complaints>();
  const Logging logging({.repeat_interval = milliseconds(0)}, complaints, false);
  const ServiceManager manager;
  IntakeWorld world;
  world.intake->start();
  run_until_quiet();
  world.intake->receiver_of(0)->kill();
  Notifier notifier(manager.name(), milliseconds(4));
  const Watchdog watchdog(notifier, *world.intake, hours(1));
  EXPECT_TRUE(eventually([&] { return complaints->count() >= 3; }));
  EXPECT_THAT(manager.message(), IsEmpty());
}

HUB_TEST(Watchdog, DoesNothingWhereNobodyAsks) {
  const ServiceManager manager;
  IntakeWorld world;
  world.intake->start();
  Notifier notifier(manager.name(), std::nullopt);
  const auto greenlets = greenrt::Hub::current().stats().greenlets;
  const Watchdog watchdog(notifier, *world.intake, hours(1));
  EXPECT_EQ(greenrt::Hub::current().stats().greenlets, greenlets);
  EXPECT_THAT(manager.message(), IsEmpty());
}

}  // namespace
}  // namespace hilera
