// The daemon as a whole, from its start to its end, with a database that is away. tests/system runs it as a program.

#include "daemon/daemon.h"

#include <nlohmann/json.hpp>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "daemon/control_client.h"
#include "daemon/control_protocol.h"
#include "daemon/exit_codes.h"
#include "tests/daemon/daemon_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using ingest::testing::eventually;
using nlohmann::json;
using std::chrono::hours;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

// What keeps a daemon busy for ever: no limit of time is short.
struct World {
  World() {
    std::string pattern = ::testing::TempDir() + "daemonXXXXXX";
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
    directory = pattern;
    config.control.socket = directory + "/control";
    config.http.port = 0;
    config.database->hosts = {{"127.0.0.1", no_database().endpoints[0].port}};
    config.journal.directory = directory + "/journal";
    config.pipeline.ack = AckMode::kDatabase;
    config.pipeline.store_deadline = hours(1);
    config.drain.timeout = hours(1);
  }
  ~World() {
    std::filesystem::remove_all(directory);
    greenrt::testing::settle();
  }

  void start(std::size_t problems = 1) {
    daemon = greenrt::spawn([this] { return run_daemon(config, logging, {}, read_config); });
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(config.control.socket); }));
    EXPECT_TRUE(eventually([&] { return status()["problems"].size() >= problems; }));
  }
  [[nodiscard]] json status() const {
    return ControlClient(config.control.socket, seconds(30)).call(control::kStatus, json::object(), seconds(30));
  }
  // What came of a reload.
  [[nodiscard]] std::string reload() const {
    ControlClient client(config.control.socket, seconds(30));
    try {
      return client.call(control::kReload, json::object(), seconds(30)).dump();
    } catch (const std::exception& error) {
      return error.what();
    }
  }
  // A datagram that waits for the database.
  void put_a_frame_in_flight() const {
    send_a_frame();
    EXPECT_TRUE(eventually([&] { return status()["ledger"]["intake"]["in_flight"] == 1; }));
  }
  void send_a_frame() const {
    const std::string address = status()["listeners"][1]["address"];
    const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    device.send(IntakeWorld::record(), ingest::testing::loopback("127.0.0.1", port));
  }
  // Why it does not start.
  [[nodiscard]] std::string failure() {
    try {
      run_daemon(config, logging);
    } catch (const std::exception& error) {
      return error.what();
    }
    return "it has started";
  }

  std::string directory;
  Config config = test_config();
  Logging logging{LogConfig()};
  Reloader::Read read_config;
  ingest::testing::DeviceSocket device;
  greenrt::Ref<greenrt::GreenletOf<int>> daemon;
};

HUB_TEST(Daemon, RunsUntilASignalAsksItToEnd) {
  World world;
  for (const int signal : {SIGTERM, SIGINT}) {
    world.start();
    ::kill(::getpid(), signal);
    EXPECT_EQ(world.daemon->get(), kExitOk);
    EXPECT_FALSE(std::filesystem::exists(world.config.control.socket));
  }
}

HUB_TEST(Daemon, WaitsForWhatIsInFlightAndEndsAtOnceAtASecondSignal) {
  World world;
  world.start();
  world.put_a_frame_in_flight();
  ::kill(::getpid(), SIGTERM);
  EXPECT_TRUE(eventually([&] { return world.status()["problems"][0] == "the sockets are not read"; }));
  EXPECT_EQ(world.status()["ledger"]["intake"]["in_flight"], 1);
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ(world.daemon->get(), kExitOk) << "the ledger balances";
}

HUB_TEST(Daemon, DoesNotWaitForADatabaseThatIsAway) {
  World world;
  world.config.pipeline.ack = AckMode::kJournal;
  world.start();
  world.send_a_frame();
  EXPECT_TRUE(eventually([&] { return world.device.mail().size() == 1; })) << "acknowledged from the journal";
  EXPECT_TRUE(eventually([&] { return !world.status()["store"]["problem"].get<std::string>().empty(); }));
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ(world.daemon->get(), kExitOk);
  world.start();
  EXPECT_EQ(world.status()["ledger"]["store"]["found_at_start"], 1);
  EXPECT_EQ(world.status()["ledger"]["store"]["pending"], 1);
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ(world.daemon->get(), kExitOk);
}

HUB_TEST(Daemon, RunsOnTheJournalAlone) {
  World world;
  world.config.pipeline.ack = AckMode::kJournal;
  world.config.database.reset();
  world.start(0);
  world.send_a_frame();
  EXPECT_TRUE(eventually([&] { return world.device.mail().size() == 1; }));
  const json status = world.status();
  EXPECT_TRUE(status["ready"].get<bool>());
  EXPECT_EQ(status["ledger"]["store"]["pending"], 1);
  EXPECT_FALSE(status.contains("database"));
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ(world.daemon->get(), kExitOk);
}

HUB_TEST(Daemon, TakesAllOfANewConfigurationOrNothing) {
  World world;
  Config wanted = world.config;
  world.read_config = [&wanted] { return wanted; };
  world.start();
  wanted.pipeline.max_in_flight = 100;
  wanted.http.port = 1;
  EXPECT_EQ(world.status()["reload"]["problem"], "");
  EXPECT_THAT(world.reload(), HasSubstr("needs a restart: http"));
  EXPECT_THAT(world.status()["reload"]["problem"].get<std::string>(), HasSubstr("needs a restart: http"));
  EXPECT_THAT(world.status()["problems"].dump(), HasSubstr("the last reload was refused: "));
  wanted.http.port = world.config.http.port;
  EXPECT_EQ(world.reload(), R"({"reloaded":true})");
  wanted.pipeline.max_in_flight = world.config.pipeline.max_in_flight;
  EXPECT_EQ(world.reload(), R"({"reloaded":true})") << "as many as there were at the start";
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ(world.daemon->get(), kExitOk);
}

HUB_TEST(Daemon, ANewLimitHoldsFromTheNextDatagramOn) {
  World world;
  Config wanted = world.config;
  wanted.pipeline.max_in_flight = 1;
  world.read_config = [&wanted] { return wanted; };
  world.start();
  world.put_a_frame_in_flight();
  EXPECT_EQ(world.reload(), R"({"reloaded":true})");
  world.send_a_frame();
  EXPECT_TRUE(eventually([&] { return world.status()["ledger"]["intake"]["dropped"] == 1; }));
  EXPECT_EQ(world.status()["listeners"][1]["dropped"], 1);
  EXPECT_EQ(world.status()["ledger"]["intake"]["in_flight"], 1);
  ::kill(::getpid(), SIGTERM);
  EXPECT_TRUE(eventually([&] { return world.status()["problems"][0] == "the sockets are not read"; }));
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ(world.daemon->get(), kExitOk);
}

HUB_TEST(Daemon, WithoutAFileThereIsNothingToReadAgain) {
  World world;
  world.start();
  EXPECT_EQ(world.reload(), "there is no configuration file");
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ(world.daemon->get(), kExitOk);
}

HUB_TEST(Daemon, LeavesNothingBehindWhenAPortIsTaken) {
  const IntakeWorld other;
  World world;
  world.config.listeners[1].port = other.trackers().socket().local_address().port();
  EXPECT_THAT(world.failure(), AllOf(HasSubstr("listener trackers"), HasSubstr("Address already in use")));
}

HUB_TEST(Daemon, LeavesNothingBehindWhenTheControlSocketCannotBeMade) {
  World world;
  world.config.control.socket = world.directory + "/nowhere/control";
  EXPECT_THAT(world.failure(), HasSubstr("control.socket"));
}

HUB_TEST(Daemon, LeavesNothingBehindWhenItIsEndedFromOutside) {
  World world;
  world.start();
  world.put_a_frame_in_flight();
  world.daemon->kill();
  EXPECT_TRUE(world.daemon->successful());
}

}  // namespace
}  // namespace hilera
