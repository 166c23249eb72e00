#include "ingest/frame_pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "ingest/arrival_clock.h"
#include "tests/ingest/fakes.h"

namespace ingest {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::rejected;
using testing::run_until_quiet;

// A pipeline between one listener and a store that does what the test says. Device A, B ... all send from one socket.
class World {
 public:
  explicit World(const PipelineOptions& options = {})
      : listener("text", codec_, greenrt::UdpSocket::bind(testing::loopback()), false),
        pipeline(options, store, devices, reporter) {
    run_until_quiet();
  }
  ~World() {
    pipeline.abandon();
    expect_balanced();
  }

  // Takes a datagram in as the receiver does, `ago` after it came. Does not yield.
  std::int64_t submit(std::string_view text, greenrt::Duration ago = 0s) {
    ++listener.counters().received;
    const auto arrival = arrivals_.next();
    pipeline.submit(listener, arrival, greenrt::Clock::now() - ago, device.path(), as_bytes(text));
    expect_balanced();
    return arrival;
  }
  // The same, and lets everybody run.
  void receive(std::string_view text) {
    submit(text);
    run_until_quiet();
    expect_balanced();
  }

  [[nodiscard]] std::uint64_t dropped(DropReason reason) const {
    return pipeline.counters().dropped[static_cast<std::size_t>(reason)];
  }

  // Both identities of the ledger, as far as the pipeline has them.
  void expect_balanced() const {
    const ListenerCounters& in = listener.counters();
    const PipelineCounters& all = pipeline.counters();
    EXPECT_EQ(in.received, in.accepted + in.control + in.rejected.total() + all.dropped_total() + all.in_flight);
    EXPECT_EQ(all.records_accepted, all.records_stored + all.records_duplicate + all.records_dead_lettered);
  }

 private:
  testing::TextCodec codec_;
  ArrivalClock arrivals_;

 public:
  testing::DeviceSocket device;
  Listener listener;
  testing::FakeStore store;
  testing::RecordingReporter reporter;
  DeviceTable devices{100};
  FramePipeline pipeline;
};

HUB_TEST(FramePipeline, StoresAFrameAndThenAcknowledgesIt) {
  World world;
  world.store.hold();
  world.receive("+A/1");
  EXPECT_EQ(world.pipeline.counters().in_flight, 1u);
  EXPECT_THAT(world.device.mail(), IsEmpty()) << "no acknowledgement before the records are durable";

  world.store.finish("A");
  run_until_quiet();
  EXPECT_EQ(world.device.receive().text, "=A/1");
  EXPECT_EQ(world.store.log(), "A/1");
  EXPECT_EQ(world.listener.counters().accepted, 1u);
  EXPECT_EQ(world.listener.counters().acks_sent, 1u);
  EXPECT_EQ(world.pipeline.counters().in_flight, 0u);
  EXPECT_EQ(world.pipeline.counters().records_stored, 1u);
  EXPECT_EQ(world.pipeline.counters().store_seconds.count(), 1u);
  EXPECT_EQ(world.pipeline.counters().ack_seconds.count(), 1u);
}

HUB_TEST(FramePipeline, AnswersOnlyWhoAsksForIt) {
  World world;
  world.receive("-A/1");
  EXPECT_EQ(world.listener.counters().accepted, 1u);
  EXPECT_EQ(world.listener.counters().replies_sent, 0u);
  EXPECT_EQ(world.pipeline.counters().ack_seconds.count(), 0u);
}

HUB_TEST(FramePipeline, AcknowledgesADuplicateAsSuch) {
  World world;
  world.store.hold();
  world.receive("+A/1");
  world.store.finish("A", {.duplicate = 1});
  run_until_quiet();
  EXPECT_EQ(world.device.receive().text, "~A/1");
  EXPECT_EQ(world.listener.counters().accepted, 1u);
  EXPECT_EQ(world.pipeline.counters().records_duplicate, 1u);
}

HUB_TEST(FramePipeline, ADeadLetterIsCustodyAndIsAcknowledged) {
  World world;
  world.store.hold();
  world.receive("+A/1");
  world.store.finish("A", {.dead_lettered = 1});
  run_until_quiet();
  EXPECT_EQ(world.device.receive().text, "!A/1");
  EXPECT_EQ(world.listener.counters().accepted, 1u);
  EXPECT_EQ(world.pipeline.counters().records_dead_lettered, 1u);
}

HUB_TEST(FramePipeline, CountsEachRecordOfADatagramByItsOwnEnd) {
  World world;
  world.store.hold();
  world.receive("2A/1");
  world.store.finish("A", {.stored = 1, .dead_lettered = 1});
  run_until_quiet();
  EXPECT_EQ(world.device.receive().text, "=A/1");
  EXPECT_EQ(world.listener.counters().accepted, 1u);
  EXPECT_EQ(world.pipeline.counters().records_accepted, 2u);
  EXPECT_EQ(world.pipeline.counters().records_stored, 1u);
  EXPECT_EQ(world.pipeline.counters().records_dead_lettered, 1u);
}

HUB_TEST(FramePipeline, CountsARejectionByItsReasonAndAnswersNothing) {
  World world;
  world.receive("?A/1");
  world.receive("");
  EXPECT_EQ(rejected(world.listener, "bad_letter"), 2u);
  EXPECT_EQ(world.store.calls(), 0u);
  EXPECT_EQ(world.listener.counters().replies_sent, 0u);
  EXPECT_EQ(world.devices.size(), 0u);
}

HUB_TEST(FramePipeline, ControlStoresNothingAndShowsWhereTheDeviceIs) {
  World world;
  world.receive("cA/1");
  EXPECT_EQ(world.listener.counters().control, 1u);
  EXPECT_EQ(world.store.calls(), 0u);
  ASSERT_NE(world.devices.find("A"), nullptr);
  EXPECT_EQ(world.devices.find("A")->path.peer, world.device.address());
}

HUB_TEST(FramePipeline, ADeviceIsHeardOnceItsFrameIsInCustody) {
  World world;
  world.store.hold();
  world.receive("+A/1");
  EXPECT_EQ(world.devices.find("A"), nullptr);
  world.store.finish("A");
  run_until_quiet();
  ASSERT_NE(world.devices.find("A"), nullptr);
  EXPECT_EQ(world.devices.find("A")->listener, &world.listener);
  EXPECT_EQ(world.devices.find("A")->last_arrival, world.store.arrivals().at("A").back());
}

HUB_TEST(FramePipeline, KeepsTheOrderOfADeviceWhateverTheStoreTakes) {
  World world;
  world.store.hold();
  for (const char* text : {"+A/1", "+B/1", "+A/2", "+C/1", "+B/2", "+A/3"})
    world.submit(text);
  run_until_quiet();
  EXPECT_THAT(world.store.waiting(), ElementsAre("A", "B", "C")) << "one frame of each device";

  for (const char* nserie : {"C", "B", "B", "A", "A", "A"}) {
    world.store.finish(nserie);
    run_until_quiet();
    world.expect_balanced();
  }
  EXPECT_EQ(world.store.log(), "C/1 B/1 B/2 A/1 A/2 A/3");
}

HUB_TEST(FramePipeline, TheNextFrameDoesNotWaitForTheAcknowledgementOfTheOneBefore) {
  World world;
  world.store.hold();
  world.submit("aA/1");
  world.submit("+A/2");
  run_until_quiet();
  world.store.finish("A");
  run_until_quiet();
  EXPECT_THAT(world.store.waiting(), ElementsAre("A"));
  world.store.finish("A");
  run_until_quiet();
  EXPECT_EQ(world.device.receive().text, "=A/2");
}

// --- limits -----------------------------------------------------------------------------------------------------

HUB_TEST(FramePipeline, ShedsBeyondItsLimitBeforeAGreenletExists) {
  World world({.limits = {.in_flight = 2, .in_flight_per_source = 2}});
  world.store.hold();
  const auto spawned = greenrt::Hub::current().stats().spawned;
  for (const char* text : {"+A/1", "+B/1", "+C/1", "+D/1"})
    world.submit(text);
  EXPECT_EQ(greenrt::Hub::current().stats().spawned, spawned + 2);
  EXPECT_EQ(world.dropped(DropReason::kInFlightLimit), 2u);

  world.store.let_go();
  run_until_quiet();
  EXPECT_EQ(world.store.log(), "A/1 B/1");
  world.receive("+C/1");
  EXPECT_EQ(world.store.log(), "A/1 B/1 C/1") << "there is room again";
}

HUB_TEST(FramePipeline, ShedsADeviceThatFloodsBeforeItsNeighbours) {
  World world({.limits = {.in_flight = 100, .in_flight_per_source = 3}});
  world.store.hold();
  const auto spawned = greenrt::Hub::current().stats().spawned;
  for (int i = 0; i < 50; ++i)
    world.submit("+A/1");
  world.submit("+B/1");
  EXPECT_EQ(greenrt::Hub::current().stats().spawned, spawned + 4);
  EXPECT_EQ(world.dropped(DropReason::kSourceLimit), 47u);
  run_until_quiet();
  EXPECT_THAT(world.store.waiting(), ElementsAre("A", "B"));
  world.store.let_go();
}

HUB_TEST_WITH(FramePipeline, ShedsWhenTheHubIsFull, {.max_greenlets = 4}) {
  World world;  // main, replies
  world.store.hold();
  for (const char* text : {"+A/1", "+B/1", "+C/1"})
    world.submit(text);
  EXPECT_EQ(world.dropped(DropReason::kGreenletLimit), 1u);
  EXPECT_EQ(world.pipeline.counters().in_flight, 2u);
  world.store.let_go();
  run_until_quiet();
  world.receive("+C/1");
  EXPECT_EQ(world.listener.counters().accepted, 3u);
}

// --- faults -----------------------------------------------------------------------------------------------------

HUB_TEST(FramePipeline, AFrameThatIsNotStoredInTimeIsDroppedAndTheOthersGoOn) {
  World world;
  world.store.hold();
  world.submit("+A/1", 1h);
  world.submit("+A/2");
  world.submit("+A/3");
  EXPECT_TRUE(eventually([&] { return world.dropped(DropReason::kStoreUnavailable) == 1; }));
  EXPECT_THAT(world.reporter.lines, ElementsAre("frame_not_stored text: the deadline has passed"));
  world.store.let_go();
  run_until_quiet();
  EXPECT_EQ(world.store.log(), "A/2 A/3");
  EXPECT_EQ(world.listener.counters().acks_sent, 2u);
}

HUB_TEST(FramePipeline, AFrameThatWaitsTooLongForTheOnesBeforeItNeverReachesTheStore) {
  World world;
  world.store.hold();
  world.submit("+A/1");
  world.submit("+A/2", 1h);
  world.submit("+A/3");
  EXPECT_TRUE(eventually([&] { return world.dropped(DropReason::kStoreUnavailable) == 1; }));
  EXPECT_THAT(world.reporter.lines, ElementsAre("frame_not_stored text: the frames before it took all of its time"));
  EXPECT_EQ(world.store.calls(), 1u);
  world.store.let_go();
  run_until_quiet();
  EXPECT_EQ(world.store.log(), "A/1 A/3");
}

HUB_TEST(FramePipeline, AStoreThatIsAwayDropsByThatReasonWithoutAnAnswer) {
  World world;
  world.store.hold();
  world.submit("+A/1");
  world.submit("+A/2");
  run_until_quiet();
  world.store.fail("A", StoreUnavailable("no connection"));
  run_until_quiet();
  EXPECT_EQ(world.dropped(DropReason::kStoreUnavailable), 1u);
  EXPECT_THAT(world.reporter.lines, ElementsAre("frame_not_stored text: no connection"));
  world.store.finish("A");
  run_until_quiet();
  EXPECT_EQ(world.device.receive().text, "=A/2");
  EXPECT_EQ(world.listener.counters().replies_sent, 1u);
}

HUB_TEST(FramePipeline, AFaultOfOurOwnIsCountedAndReported) {
  World world;
  world.store.hold();
  world.receive("+A/1");
  world.store.fail("A", std::logic_error("a bug"));
  run_until_quiet();
  world.receive("xA/2");
  EXPECT_EQ(world.dropped(DropReason::kInternalError), 2u);
  EXPECT_THAT(world.reporter.lines, ElementsAre("frame_failed text: a bug", "frame_failed text: the codec has a bug"));
  EXPECT_EQ(world.listener.counters().replies_sent, 0u);
}

HUB_TEST(FramePipeline, RunningOutOfMemoryIsCountedAndReported) {
  World world;
  world.store.hold();
  world.receive("+A/1");
  world.store.fail("A", std::bad_alloc());
  run_until_quiet();
  world.receive("mA/2");
  EXPECT_EQ(world.dropped(DropReason::kOutOfMemory), 2u);
  EXPECT_EQ(world.reporter.lines.size(), 2u);
}

// What is not a std::exception ends the frame's greenlet, and comes to the hub's error handler.
HUB_TEST(FramePipeline, AnExceptionOfAnyOtherKindIsAFaultNotAShutdown) {
  World world;
  world.store.hold();
  world.receive("+A/1");
  world.store.fail("A", greenrt::TimeoutExpired());
  run_until_quiet();
  EXPECT_EQ(world.dropped(DropReason::kInternalError), 1u);
  EXPECT_THAT(greenrt::testing::take_errors(), ElementsAre(HasSubstr("TimeoutExpired")));
}

HUB_TEST(FramePipeline, AFailedAcknowledgementDoesNotUndoTheCustody) {
  World world;
  world.receive("aA/1");
  EXPECT_EQ(world.listener.counters().accepted, 1u);
  EXPECT_EQ(world.pipeline.counters().dropped_total(), 0u);
  EXPECT_EQ(world.pipeline.counters().records_stored, 1u);
  EXPECT_THAT(world.reporter.lines, ElementsAre("frame_failed text: no answer to this one"));
}

// A stack that is larger than what the process may still map: the frame's greenlet cannot start.
HUB_TEST_WITH(FramePipeline, AFrameWithoutAStackIsDroppedForLackOfMemory, {.stack_size = 256 * 1024 * 1024}) {
  World world;
  run_until_quiet();
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  const rlimit tight{.rlim_cur = pages * 4096 + 64 * 1024 * 1024, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &tight), 0);
  world.receive("+A/1");
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);

  EXPECT_EQ(world.dropped(DropReason::kOutOfMemory), 1u);
  EXPECT_THAT(greenrt::testing::take_errors(), ElementsAre(HasSubstr("stack")));
  world.receive("+A/1");
  EXPECT_EQ(world.listener.counters().accepted, 1u);
}

// --- the end ----------------------------------------------------------------------------------------------------

HUB_TEST(FramePipeline, WaitsUntilNothingIsInFlight) {
  World world;
  EXPECT_TRUE(world.pipeline.wait_idle(0s)) << "nothing has come";
  world.store.hold();
  world.receive("+A/1");
  EXPECT_FALSE(world.pipeline.wait_idle(0s));
  const auto finisher = greenrt::spawn([&] { world.store.finish("A"); });
  EXPECT_TRUE(world.pipeline.wait_idle(greenrt::Deadline::never()));
  finisher->join();
}

HUB_TEST(FramePipeline, IsNotIdleWhileOneThatCameInTheLastMomentIsInFlight) {
  World world;
  world.store.hold();
  world.receive("+A/1");
  const auto waiter = greenrt::spawn([&] {
    EXPECT_TRUE(world.pipeline.wait_idle(greenrt::Deadline::never()));
    EXPECT_EQ(world.pipeline.counters().in_flight, 0u);
  });
  run_until_quiet();
  const auto in_flight = [&] { return world.pipeline.counters().in_flight; };
  world.store.finish("A");
  while (in_flight() > 0)
    greenrt::yield();
  world.submit("+A/2");  // the waiter is awake already, and has not run yet
  run_until_quiet();
  EXPECT_FALSE(waiter->ready());
  world.store.let_go();
  waiter->join();
}

HUB_TEST(FramePipeline, AbandonEndsFramesWhereverTheyAre) {
  World world;
  world.store.hold();
  world.receive("+A/1");  // in the store
  world.receive("+A/2");  // in the chain
  world.submit("+A/3");   // not started
  world.submit("+B/1");
  world.pipeline.abandon();
  EXPECT_EQ(world.pipeline.counters().in_flight, 0u);
  EXPECT_EQ(world.dropped(DropReason::kShutdown), 4u);
  EXPECT_EQ(world.store.log(), "");
  EXPECT_EQ(world.store.calls(), 1u) << "nobody enters the store because the one before was killed";
  EXPECT_THAT(world.store.waiting(), IsEmpty());
}

HUB_TEST(FramePipeline, AbandonWithNothingInFlightReturns) {
  World world;
  world.pipeline.abandon();
  world.receive("+A/1");
  world.pipeline.abandon();
  EXPECT_EQ(world.pipeline.counters().dropped_total(), 0u);
}

// --- everything at once -----------------------------------------------------------------------------------------

// Five devices, a store that ends its calls in random order, fails, and has its callers killed; frames that have no
// time left; datagrams of every kind. After each step the ledger balances, and what is stored of a device is in the
// order of its arrival.
void run_random_schedule(std::uint32_t seed) {
  std::mt19937 random(seed);
  World world({.limits = {.in_flight = 60, .in_flight_per_source = 20}});
  world.store.hold();
  const auto receive_one = [&] {
    constexpr std::string_view kKinds = "++++-2acmx?";
    const auto device = static_cast<char>('A' + random() % 5);
    const auto ago = random() % 8 == 0 ? greenrt::Duration(1h) : greenrt::Duration(0s);
    world.submit(std::string{kKinds[random() % kKinds.size()], device, '/', '1'}, ago);
  };
  const auto end_one_call = [&] {
    const auto waiting = world.store.waiting();
    if (waiting.empty()) return;
    const std::string& nserie = waiting[random() % waiting.size()];
    switch (random() % 8) {
      case 0:
        return world.store.fail(nserie, StoreUnavailable("away"));
      case 1:
        return world.store.fail(nserie, std::runtime_error("a bug"));
      case 2:
        return world.store.kill_caller(nserie);
      default:
        return world.store.finish(nserie);
    }
  };
  for (int step = 0; step < 300; ++step) {
    switch (random() % 5) {
      case 0:
      case 1:
        receive_one();
        break;
      case 2:
        end_one_call();
        break;
      case 3:
        greenrt::testing::let_poll();
        break;
      default:
        greenrt::yield();
    }
    world.expect_balanced();
  }
  if (seed % 2 == 0) {
    world.store.let_go();
    EXPECT_TRUE(world.pipeline.wait_idle(10s));
  } else {
    world.pipeline.abandon();
  }
  EXPECT_EQ(world.pipeline.devices_in_flight(), 0u);
  world.expect_balanced();
  for (const auto& [nserie, arrivals] : world.store.arrivals())
    EXPECT_EQ(std::adjacent_find(arrivals.begin(), arrivals.end(), std::greater_equal<>()), arrivals.end()) << nserie;
  EXPECT_FALSE(world.store.arrivals().empty());
}

greenrt::HubOptions poll_after_each_switch() {
  greenrt::HubOptions options;
  options.switches_per_check = 1;
  options.slice = 0s;
  return options;
}

HUB_TEST_WITH(FramePipeline, KeepsOrderAndLedgerInAHundredRandomSchedules, poll_after_each_switch()) {
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    run_random_schedule(seed);
  }
}

}  // namespace
}  // namespace ingest
