#include "daemon/intake.h"

#include "tests/daemon/daemon_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;
using greenrt::Deadline;
using ingest::testing::from_hex;
using ingest::testing::run_until_quiet;
using std::chrono::hours;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::uint64_t dropped(const Intake& intake, ingest::DropReason reason) {
  return intake.counters().dropped[static_cast<std::size_t>(reason)];
}

HUB_TEST(Intake, BindsAListenerForEachInTheConfiguration) {
  const IntakeWorld world;
  ASSERT_EQ(world.intake->listeners().size(), 2u);
  EXPECT_EQ(world.listener(0).name(), "field");
  EXPECT_EQ(world.listener(1).codec().name(), "teltonika");
  EXPECT_NE(world.listener(0).socket().local_address().port(), 0);
  EXPECT_FALSE(world.intake->receiving());
}

HUB_TEST(Intake, NamesTheListenerThatCannotBeBound) {
  const IntakeWorld first;
  Config config = test_config();
  config.listeners[1].port = first.trackers().socket().local_address().port();
  ingest::testing::FakeCustody custody;
  ingest::testing::RecordingReporter reporter;
  try {
    const Intake second(config, custody, reporter);
    FAIL() << "two sockets on one port";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("listener trackers at 127.0.0.1:" + std::to_string(config.listeners[1].port)),
                      HasSubstr("Address already in use")));
  }
  greenrt::testing::settle();
}

HUB_TEST(Intake, TakesDatagramsToTheStoreAndAnswers) {
  IntakeWorld world;
  world.intake->start();
  EXPECT_TRUE(world.intake->receiving());
  world.send(IntakeWorld::record());
  EXPECT_TRUE(ingest::testing::eventually([&] { return world.trackers().counters().acks_sent == 1; }));
  EXPECT_EQ(world.device.receive().text.size(), 7u) << "the acknowledgement of the protocol";
  EXPECT_EQ(world.custody.arrivals().size(), 1u);
  EXPECT_EQ(world.intake->devices().size(), 1u);
}

HUB_TEST(Intake, CountsEveryDatagramOfEveryListener) {
  IntakeWorld world;
  world.intake->start();
  world.send(IntakeWorld::record());
  world.send(from_hex("00"));
  world.device.send("no frame", world.listener(0).socket().local_address());
  world.wait_for_received(2);
  EXPECT_TRUE(ingest::testing::eventually([&] { return world.listener(0).counters().received == 1; }));
  run_until_quiet();
  const IntakeLedger ledger = world.intake->ledger();
  EXPECT_EQ(ledger.received, 3u);
  EXPECT_EQ(ledger.accepted, 1u);
  EXPECT_EQ(ledger.rejected, 2u);
  EXPECT_EQ(ledger.in_flight, 0u);
  EXPECT_TRUE(ledger.balanced());
}

HUB_TEST(Intake, BalancesWhileFramesAreInFlight) {
  IntakeWorld world;
  world.custody.hold();
  world.intake->start();
  for (const char device : {'1', '2', '3'})
    world.send(IntakeWorld::record(device));
  world.wait_for_received(3);
  EXPECT_EQ(world.intake->ledger().in_flight, 3u);
  EXPECT_TRUE(world.intake->ledger().balanced());
  world.custody.lose(world.custody.waiting().front());
  run_until_quiet();
  EXPECT_EQ(world.intake->ledger().in_flight, 2u);
  EXPECT_EQ(dropped(*world.intake, ingest::DropReason::kJournalFailed), 1u);
  EXPECT_TRUE(world.intake->ledger().balanced());
  world.custody.let_go();
  EXPECT_TRUE(ingest::testing::eventually([&] { return world.intake->ledger().in_flight == 0; }));
  EXPECT_EQ(world.intake->ledger().accepted, 2u);
  EXPECT_TRUE(world.intake->ledger().balanced());
}

HUB_TEST(Intake, StampsNothingAtOrBelowTheLastArrival) {
  const std::int64_t last = 5'000'000'000'000'000;  // the year 2128
  IntakeWorld world(test_config(), last);
  world.intake->start();
  world.send(IntakeWorld::record());
  world.wait_for_received(1);
  ASSERT_EQ(world.custody.arrivals().size(), 1u);
  EXPECT_EQ(world.custody.arrivals().begin()->second.front(), last + 1);
}

HUB_TEST(Intake, TakesWhatTheSocketHoldsBeforeItStops) {
  IntakeWorld world;
  world.intake->start();
  run_until_quiet();
  for (int i = 0; i < 100; ++i)
    world.send(IntakeWorld::record(static_cast<char>('0' + i % 10)));
  world.intake->stop_receiving(hours(1));
  EXPECT_FALSE(world.intake->receiving());
  EXPECT_EQ(world.trackers().counters().received, 100u);
  world.intake->finish(hours(1));
  EXPECT_EQ(world.intake->ledger().accepted, 100u);
  EXPECT_EQ(world.trackers().counters().acks_sent, 100u);
  EXPECT_TRUE(world.intake->ledger().balanced());
}

HUB_TEST(Intake, TakesFromEachSocketThoughOneNeverRunsEmpty) {
  IntakeWorld world;
  world.intake->start();
  run_until_quiet();
  const auto flooded = world.listener(0).socket().local_address();
  std::size_t turns = 0;
  auto flood = greenrt::spawn([&] {
    for (; world.trackers().counters().received == 0 && turns < 10'000; ++turns) {
      world.device.send("no frame", flooded);
      greenrt::yield();
    }
  });
  world.device.send("no frame", flooded);
  world.send(IntakeWorld::record());
  world.intake->stop_receiving(hours(1));
  EXPECT_LT(turns, 10u);
  EXPECT_EQ(world.trackers().counters().received, 1u);
  flood->join();
}

HUB_TEST(Intake, LeavesTheRestInTheSocketsAtTheDeadline) {
  IntakeWorld world;
  world.intake->start();
  run_until_quiet();
  world.send(IntakeWorld::record());
  world.intake->stop_receiving(seconds(0));
  EXPECT_EQ(world.trackers().counters().received, 0u);
}

HUB_TEST(Intake, CountsWhatCameTooLate) {
  IntakeWorld world;
  world.intake->start();
  run_until_quiet();
  world.intake->stop_receiving(hours(1));
  world.intake->finish(hours(1));
  for (int i = 0; i < 100; ++i)
    world.send(IntakeWorld::record());
  world.device.send("no frame", world.listener(0).socket().local_address());
  world.intake->turn_away(hours(1));
  EXPECT_EQ(world.trackers().counters().received, 100u);
  EXPECT_EQ(world.listener(0).counters().received, 1u);
  EXPECT_EQ(dropped(*world.intake, ingest::DropReason::kShutdown), 101u);
  EXPECT_THAT(world.device.mail(), IsEmpty());
}

HUB_TEST(Intake, WaitsForTheFramesInFlight) {
  IntakeWorld world;
  world.custody.hold();
  world.intake->start();
  world.send(IntakeWorld::record());
  world.wait_for_received(1);
  world.intake->stop_receiving(seconds(0));
  auto finishing = greenrt::spawn([&] { world.intake->finish(hours(1)); });
  run_until_quiet();
  EXPECT_FALSE(finishing->ready());
  world.custody.let_go();
  finishing->join();
  EXPECT_EQ(world.intake->ledger().accepted, 1u);
  EXPECT_EQ(world.device.mail().size(), 1u) << "acknowledged before the end";
}

HUB_TEST(Intake, DropsWhatIsInFlightAtTheDeadlineAndSaysWhy) {
  IntakeWorld world;
  world.custody.hold();
  world.intake->start();
  for (const char device : {'1', '2', '3'})
    world.send(IntakeWorld::record(device));
  world.wait_for_received(3);
  world.intake->stop_receiving(seconds(0));
  world.intake->finish(seconds(0));
  EXPECT_EQ(dropped(*world.intake, ingest::DropReason::kShutdown), 3u);
  EXPECT_EQ(world.intake->ledger().in_flight, 0u);
  EXPECT_TRUE(world.intake->ledger().balanced());
  EXPECT_THAT(world.device.mail(), IsEmpty());
}

HUB_TEST(Intake, HasNothingToWaitForOnceItIsAbandoned) {
  IntakeWorld world;
  world.custody.hold();
  world.intake->start();
  world.send(IntakeWorld::record());
  world.wait_for_received(1);
  auto finishing = greenrt::spawn([&] { world.intake->finish(Deadline::never()); });
  run_until_quiet();
  world.intake->abandon();
  finishing->join();
  EXPECT_EQ(dropped(*world.intake, ingest::DropReason::kShutdown), 1u);
  EXPECT_TRUE(world.intake->ledger().balanced());
}

HUB_TEST(Intake, MayBeDestroyedInTheMiddleOfItsWork) {
  IntakeWorld world;
  world.custody.hold();
  world.intake->start();
  for (const char device : {'1', '2', '3'})
    world.send(IntakeWorld::record(device));
  world.wait_for_received(3);
  world.intake.reset();
  EXPECT_EQ(world.custody.waiting().size(), 3u) << "custody still has what it took";
}

HUB_TEST(Intake, ShedsWhatOneNetworkSendsBeyondItsRate) {
  Config config = test_config();
  config.listeners[1].prefix_rate = 1;
  config.listeners[1].prefix_burst = 2;
  IntakeWorld world(config);
  world.intake->start();
  for (int i = 0; i < 30; ++i)
    world.send(IntakeWorld::record());
  world.wait_for_received(30);
  const auto shed = dropped(*world.intake, ingest::DropReason::kPrefixRate);
  EXPECT_GE(shed, 15u);

  config.listeners[1].prefix_rate = 0;
  world.reconfigure(config);
  for (int i = 0; i < 30; ++i)
    world.send(IntakeWorld::record());
  world.wait_for_received(60);
  EXPECT_EQ(dropped(*world.intake, ingest::DropReason::kPrefixRate), shed) << "no limit from then on";
}

// --- listeners that come and go ----------------------------------------------------------------------------------

ListenerConfig another(const std::string& name) {
  ListenerConfig config = test_config().listeners[1];
  config.name = name;
  return config;
}

HUB_TEST(Intake, AnAddedListenerReceives) {
  IntakeWorld world;
  world.intake->start();
  Config config = test_config();
  config.listeners.push_back(another("more"));
  world.reconfigure(config);
  ASSERT_EQ(world.intake->listeners().size(), 3u);
  world.device.send(IntakeWorld::record(), world.listener(2).socket().local_address());
  EXPECT_TRUE(ingest::testing::eventually([&] { return world.listener(2).counters().acks_sent == 1; }));
  EXPECT_EQ(world.intake->ledger().accepted, 1u);
}

HUB_TEST(Intake, ARemovedListenerTakesWhatItsSocketHoldsAndAnswersItsLastFramesBeforeItCloses) {
  IntakeWorld world;
  world.custody.hold();
  world.intake->start();
  run_until_quiet();
  for (const char device : {'1', '2', '3'})
    world.send(IntakeWorld::record(device));
  Config config = test_config();
  config.listeners.pop_back();
  world.reconfigure(config);
  EXPECT_TRUE(world.trackers().retired());
  world.wait_for_received(3);
  EXPECT_FALSE(world.trackers().closed()) << "its frames are in flight";
  world.custody.let_go();
  EXPECT_TRUE(ingest::testing::eventually([&] { return world.trackers().closed(); }));
  EXPECT_EQ(world.trackers().counters().acks_sent, 3u);
  EXPECT_EQ(world.intake->ledger().accepted, 3u) << "what it counted counts";
  EXPECT_TRUE(world.intake->ledger().balanced());
  world.intake->stop_receiving(greenrt::Deadline(std::chrono::seconds(1)));
  world.intake->finish(greenrt::Deadline(std::chrono::seconds(1)));
}

HUB_TEST(Intake, ARemovedListenerClosesThoughItsSocketNeverRunsEmpty) {
  IntakeWorld world;
  world.intake->start();
  run_until_quiet();
  const auto flooded = world.trackers().socket().local_address();
  Config config = test_config();
  config.listeners.pop_back();
  world.reconfigure(config);
  const Deadline patience(seconds(30));
  while (!world.trackers().closed() && !patience.expired()) {
    world.device.send("no frame", flooded);
    greenrt::yield();
  }
  EXPECT_TRUE(world.trackers().closed());
  EXPECT_TRUE(world.intake->ledger().balanced());
}

HUB_TEST(Intake, TheEndDoesNotWaitForAListenerThatIsEnding) {
  IntakeWorld world;
  world.custody.hold();
  world.intake->start();
  world.send(IntakeWorld::record());
  world.wait_for_received(1);
  Config config = test_config();
  config.listeners.pop_back();
  world.reconfigure(config);
  run_until_quiet();
  world.intake->stop_receiving(greenrt::Deadline(std::chrono::seconds(0)));
  EXPECT_FALSE(world.trackers().closed());
  world.custody.let_go();
  world.intake->finish(greenrt::Deadline(std::chrono::seconds(10)));
  EXPECT_EQ(world.trackers().counters().acks_sent, 1u);
}

HUB_TEST(Intake, AListenerThatCannotBeBoundChangesNothing) {
  IntakeWorld world;
  world.intake->start();
  Config config = test_config();
  config.listeners.erase(config.listeners.begin());
  config.listeners.push_back(another("clash"));
  config.listeners.back().port = world.trackers().socket().local_address().port();
  EXPECT_THROW(world.reconfigure(config), std::runtime_error);
  EXPECT_EQ(world.intake->listeners().size(), 2u);
  EXPECT_FALSE(world.listener(0).retired());
}

HUB_TEST(Intake, AListenerThatWasRemovedIsNotAddedAgain) {
  IntakeWorld world;
  world.intake->start();
  Config config = test_config();
  config.listeners.pop_back();
  world.reconfigure(config);
  EXPECT_TRUE(ingest::testing::eventually([&] { return world.trackers().closed(); }));
  EXPECT_THROW(world.reconfigure(test_config()), std::runtime_error);
}

HUB_TEST(Intake, ShedsBeyondTheLimitsOfTheConfiguration) {
  Config config = test_config();
  config.pipeline.max_in_flight = 3;
  config.pipeline.max_in_flight_per_source = 2;
  IntakeWorld world(config);
  world.custody.hold();
  world.intake->start();
  for (const char device : {'1', '1', '1', '2', '3'})
    world.send(IntakeWorld::record(device));
  world.wait_for_received(5);
  EXPECT_EQ(dropped(*world.intake, ingest::DropReason::kSourceLimit), 1u);
  EXPECT_EQ(dropped(*world.intake, ingest::DropReason::kInFlightLimit), 1u);
  EXPECT_TRUE(world.intake->ledger().balanced());
  world.custody.let_go();
}

}  // namespace
}  // namespace hilera
