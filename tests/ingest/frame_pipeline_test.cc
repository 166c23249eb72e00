#include "ingest/frame_pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "ingest/arrival_clock.h"
#include "tests/ingest/fakes.h"

namespace ingest {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
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
        pipeline(options, custody, devices, reporter) {
    run_until_quiet();
  }
  ~World() {
    pipeline.abandon();
    expect_balanced();
  }

  // Takes a datagram in as the receiver does, `ago` after it came. Does not yield.
  std::int64_t submit(std::string_view text, greenrt::Duration ago = 0s) { return submit(text, device.path(), ago); }
  std::int64_t submit(std::string_view text, const greenrt::UdpPath& path, greenrt::Duration ago = 0s) {
    ++listener.counters().received;
    const auto arrival = arrivals_.next(ArrivalClock::now());
    pipeline.submit(listener, {.stamp = arrival, .received = greenrt::Clock::now() - ago, .backlog = backlog}, path,
                    as_bytes(text), pipeline.look_ahead(listener, as_bytes(text)));
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

  // The identity of the intake.
  void expect_balanced() const {
    const ListenerCounters& in = listener.counters();
    const PipelineCounters& all = pipeline.counters();
    EXPECT_EQ(in.received, in.accepted + in.control + in.rejected.total() + all.dropped_total() + all.in_flight);
  }

 private:
  testing::TextCodec codec_;
  ArrivalClock arrivals_;

 public:
  testing::DeviceSocket device;
  Listener listener;
  testing::FakeCustody custody;
  testing::RecordingReporter reporter;
  DeviceTable devices{100};
  FramePipeline pipeline;
  double backlog = 0;  // of the receive buffer
};

HUB_TEST(FramePipeline, AcknowledgesAFrameOnceItIsDurable) {
  World world;
  world.custody.hold();
  world.receive("+A/1");
  EXPECT_EQ(world.pipeline.counters().in_flight, 1u);
  EXPECT_THAT(world.device.mail(), IsEmpty()) << "no acknowledgement before the datagram is durable";

  world.custody.make_durable("A/1");
  run_until_quiet();
  EXPECT_EQ(world.device.receive().text, "=A/1");
  EXPECT_EQ(world.listener.counters().accepted, 1u);
  EXPECT_EQ(world.listener.counters().acks_sent, 1u);
  EXPECT_EQ(world.pipeline.counters().in_flight, 0u) << "storing goes on without the frame";
  EXPECT_EQ(world.pipeline.counters().ack_seconds.count(), 1u);
}

HUB_TEST(FramePipeline, AnswersOnlyWhoAsksForIt) {
  World world;
  world.receive("-A/1");
  EXPECT_EQ(world.listener.counters().accepted, 1u);
  EXPECT_EQ(world.listener.counters().replies_sent, 0u);
  EXPECT_EQ(world.pipeline.counters().ack_seconds.count(), 0u);
}

// --- acknowledgements after the store ---------------------------------------------------------------------------

HUB_TEST(FramePipeline, CanAcknowledgeAfterTheStore) {
  World world({.ack = AckWhen::kStored});
  world.custody.hold();
  world.receive("+A/1");
  world.custody.make_durable("A/1");
  run_until_quiet();
  EXPECT_THAT(world.device.mail(), IsEmpty());
  EXPECT_EQ(world.pipeline.counters().in_flight, 1u);
  world.custody.finish("A/1");
  run_until_quiet();
  EXPECT_EQ(world.device.receive().text, "=A/1");
}

HUB_TEST(FramePipeline, AfterTheStoreAnAcknowledgementSaysWhatBecameOfTheRecords) {
  World world({.ack = AckWhen::kStored});
  world.custody.hold();
  const auto answer_to = [&](std::string_view text, StoreResult result) {
    world.receive("+" + std::string(text));
    world.custody.make_durable(text);
    world.custody.finish(text, result);
    run_until_quiet();
    return world.device.receive().text;
  };
  EXPECT_EQ(answer_to("A/1", {.stored = 1, .dead_lettered = 1}), "=A/1");
  EXPECT_EQ(answer_to("A/2", {.duplicate = 1}), "~A/2");
  EXPECT_EQ(answer_to("A/3", {.dead_lettered = 1}), "!A/3");
}

HUB_TEST(FramePipeline, WhatIsLeftBehindForLaterHasNoAcknowledgementAfterTheStore) {
  World world({.ack = AckWhen::kStored});
  world.custody.hold();
  world.receive("+A/1");
  world.custody.make_durable("A/1");
  world.custody.leave_behind("A/1");
  run_until_quiet();
  EXPECT_EQ(world.listener.counters().accepted, 1u);
  EXPECT_EQ(world.listener.counters().replies_sent, 0u);
  EXPECT_EQ(world.pipeline.counters().acks_withheld, 1u);
}

HUB_TEST(FramePipeline, WhatIsNotStoredInTimeHasNoAcknowledgementAfterTheStore) {
  World world({.ack = AckWhen::kStored});
  world.custody.hold();
  world.submit("+A/1", 1h);
  run_until_quiet();
  world.custody.make_durable("A/1");
  EXPECT_TRUE(eventually([&] { return world.pipeline.counters().acks_withheld == 1; }));
  EXPECT_EQ(world.listener.counters().accepted, 1u);
}

HUB_TEST(FramePipeline, WhoWantsNoAcknowledgementDoesNotWaitForTheStore) {
  World world({.ack = AckWhen::kStored});
  world.custody.hold();
  world.receive("-A/1");
  world.custody.make_durable("A/1");
  run_until_quiet();
  EXPECT_EQ(world.pipeline.counters().in_flight, 0u);
  EXPECT_EQ(world.pipeline.counters().acks_withheld, 0u);
}

// --- other verdicts ---------------------------------------------------------------------------------------------

HUB_TEST(FramePipeline, CountsARejectionByItsReasonAndAnswersNothing) {
  World world;
  world.receive("?A/1");
  world.receive("");
  EXPECT_EQ(rejected(world.listener, "bad_letter"), 2u);
  EXPECT_EQ(world.custody.log(), "");
  EXPECT_EQ(world.listener.counters().replies_sent, 0u);
  EXPECT_EQ(world.devices.size(), 0u);
}

HUB_TEST(FramePipeline, ControlStoresNothingAndShowsWhereTheDeviceIs) {
  World world;
  world.receive("cA/1");
  EXPECT_EQ(world.listener.counters().control, 1u);
  EXPECT_EQ(world.custody.log(), "");
  ASSERT_NE(world.devices.find("A"), nullptr);
  EXPECT_EQ(world.devices.find("A")->path().peer, world.device.address());
}

HUB_TEST(FramePipeline, ADeviceIsHeardOnceItsFrameIsInCustody) {
  World world;
  world.custody.hold();
  world.receive("+A/1");
  EXPECT_EQ(world.devices.find("A"), nullptr);
  world.custody.make_durable("A/1");
  run_until_quiet();
  ASSERT_NE(world.devices.find("A"), nullptr);
  EXPECT_EQ(world.devices.find("A")->listener(), &world.listener);
  EXPECT_EQ(world.devices.find("A")->last_arrival(), world.custody.arrivals().at("A").back());
}

HUB_TEST(FramePipeline, WhoAsksIsToldOfEachDeviceThatIsHeard) {
  World world;
  std::string heard;
  world.pipeline.set_on_heard([&](std::string_view nserie) { heard += nserie; });
  world.custody.hold();
  world.receive("+A/1");
  world.receive("cB/1");
  EXPECT_EQ(heard, "B") << "what is not durable may still be lost";
  world.custody.make_durable("A/1");
  run_until_quiet();
  EXPECT_EQ(heard, "BA");
  world.receive("?C/1");
  EXPECT_EQ(heard, "BA") << "it was rejected";
}

HUB_TEST(FramePipeline, WhoAsksIsToldWhatADeviceAnswers) {
  World world;
  std::vector<std::string> answers;
  world.pipeline.set_on_answer([&](const Decoded& decoded, const Origin&) {
    answers.push_back(std::string(decoded.nserie) + ": " + std::string(decoded.answer->text));
  });
  world.receive("dA/done");
  EXPECT_THAT(answers, ElementsAre("A: done"));
  EXPECT_EQ(world.listener.counters().control, 1u);
}

HUB_TEST(FramePipeline, AnAnswerThatNamesNoDeviceIsOfTheOneThatWasAsked) {
  World world;
  std::vector<std::string> answers;
  world.pipeline.set_on_answer([&](const Decoded& decoded, const Origin&) {
    answers.push_back(std::string(decoded.nserie) + ": " + std::string(decoded.answer->text));
  });
  world.pipeline.set_addressee([&](const Listener& listener, const greenrt::SocketAddress& peer) {
    const bool asked = &listener == &world.listener && peer == world.device.address();
    return asked ? std::optional<std::string>("B") : std::nullopt;
  });
  world.receive("d/done");
  world.receive("dA/too");
  EXPECT_THAT(answers, ElementsAre("B: done", "A: too"));
  ASSERT_NE(world.devices.find("B"), nullptr);
  EXPECT_EQ(world.devices.find("B")->path().peer, world.device.address());
}

HUB_TEST(FramePipeline, AnAnswerWithoutANameIsNoStrangersWhereOneIsWaitedFor) {
  World world;
  bool waits = false;
  world.pipeline.set_has_addressee([&](const Listener& listener, const greenrt::SocketAddress& peer) {
    return waits && &listener == &world.listener && peer == world.device.address();
  });
  world.backlog = 1;
  world.receive("d/done");
  EXPECT_EQ(world.dropped(DropReason::kStranger), 1u);
  waits = true;
  world.receive("d/done");
  EXPECT_EQ(world.dropped(DropReason::kStranger), 1u);
}

HUB_TEST(FramePipeline, AFrameWaitsForThePlaceOfTheOneBeforeNotForItsEnd) {
  World world;
  world.custody.hold();
  for (const char* text : {"+A/1", "+B/1", "+A/2", "+C/1", "+B/2", "+A/3"})
    world.submit(text);
  run_until_quiet();
  EXPECT_EQ(world.custody.log(), "A/1 B/1 A/2 C/1 B/2 A/3");
  EXPECT_EQ(world.pipeline.counters().in_flight, 6u);
}

// --- what is sent again ------------------------------------------------------------------------------------------

HUB_TEST(FramePipeline, WhatIsSentAgainWhileItIsOnItsWayIsAnsweredOnce) {
  World world;
  world.custody.hold();
  world.receive("+A/1");
  world.receive("+A/1");
  EXPECT_EQ(world.dropped(DropReason::kUnderWay), 1u);
  EXPECT_THAT(world.custody.waiting(), ElementsAre("A/1"));
  world.custody.let_go();
  run_until_quiet();
  EXPECT_THAT(world.device.mail(), ElementsAre("=A/1"));
}

HUB_TEST(FramePipeline, WhatIsSentAgainSoonAfterItsAcknowledgementIsAnsweredAndTakesNoRoom) {
  for (const AckWhen ack : {AckWhen::kDurable, AckWhen::kStored}) {
    World world({.ack = ack});
    for (int i = 0; i < 3; ++i)
      world.receive("+A/1");
    EXPECT_THAT(world.device.mail(), ElementsAre("=A/1", "~A/1", "~A/1"));
    EXPECT_EQ(world.custody.log(), "A/1");
    EXPECT_EQ(world.custody.repetitions(), 2u);
    EXPECT_EQ(world.listener.counters().accepted, 3u);
  }
}

HUB_TEST(FramePipeline, WhatCustodyRefusedIsNewWhenItIsSentAgain) {
  World world;
  world.custody.refuse(DropReason::kJournalFull);
  world.receive("+A/1");
  world.custody.take_again();
  world.receive("+A/1");
  EXPECT_THAT(world.device.mail(), ElementsAre("=A/1"));
  EXPECT_EQ(world.custody.log(), "A/1");
}

HUB_TEST(FramePipeline, WhatAsksForNoAcknowledgementIsAlwaysNew) {
  World world;
  world.receive("-A/1");
  world.receive("-A/1");
  EXPECT_EQ(world.custody.log(), "A/1 A/1");
}

// --- limits -----------------------------------------------------------------------------------------------------

HUB_TEST(FramePipeline, ShedsBeyondItsLimitBeforeAGreenletExists) {
  World world({.limits = {.in_flight = 2, .in_flight_per_source = 2}});
  world.custody.hold();
  const auto spawned = greenrt::Hub::current().stats().spawned;
  for (const char* text : {"+A/1", "+B/1", "+C/1", "+D/1"})
    world.submit(text);
  EXPECT_EQ(greenrt::Hub::current().stats().spawned, spawned + 2);
  EXPECT_EQ(world.dropped(DropReason::kInFlightLimit), 2u);

  run_until_quiet();
  EXPECT_EQ(world.custody.log(), "A/1 B/1");
  world.custody.let_go();
  run_until_quiet();
  world.receive("+C/1");
  EXPECT_EQ(world.custody.log(), "A/1 B/1 C/1") << "there is room again";
}

HUB_TEST(FramePipeline, ShedsADeviceThatFloodsBeforeItsNeighbours) {
  World world({.limits = {.in_flight = 100, .in_flight_per_source = 3}});
  world.custody.hold();
  const auto spawned = greenrt::Hub::current().stats().spawned;
  for (int i = 1; i <= 50; ++i)
    world.submit("+A/" + std::to_string(i));
  world.submit("+B/1");
  EXPECT_EQ(greenrt::Hub::current().stats().spawned, spawned + 4);
  EXPECT_EQ(world.dropped(DropReason::kSourceLimit), 47u);
  run_until_quiet();
  EXPECT_THAT(world.custody.waiting(), ElementsAre("A/1", "A/2", "A/3", "B/1"));
}

HUB_TEST(FramePipeline, ShedsWhatOneDeviceSendsFromManyPortsAtOnce) {
  World world({.limits = {.in_flight = 100, .in_flight_per_source = 3}, .in_flight_per_device = 5});
  world.custody.hold();
  std::array<testing::DeviceSocket, 4> ports;
  int number = 0;
  for (const testing::DeviceSocket& port : ports)
    for (int i = 0; i < 2; ++i)
      world.submit("+A/" + std::to_string(++number), port.path());
  world.submit("+B/1");
  run_until_quiet();
  EXPECT_EQ(world.dropped(DropReason::kDeviceLimit), 3u);
  EXPECT_THAT(world.custody.waiting(), ElementsAre("A/1", "A/2", "A/3", "A/4", "A/5", "B/1"));
  world.custody.let_go();
  run_until_quiet();
  world.receive("+A/9");
  EXPECT_EQ(world.dropped(DropReason::kDeviceLimit), 3u) << "there is room again";
}

HUB_TEST(FramePipeline, ShedsWhatIsBeyondTheRateOfItsNetworkBeforeAGreenletExists) {
  World world;
  world.listener.prefix_rate().set_options({.per_second = 1, .burst = 2});
  const auto spawned = greenrt::Hub::current().stats().spawned;
  for (int i = 0; i < 50; ++i)
    world.submit("+A/1");
  EXPECT_GE(world.dropped(DropReason::kPrefixRate), 40u);
  EXPECT_EQ(greenrt::Hub::current().stats().spawned, spawned + 50 - world.dropped(DropReason::kPrefixRate));
}

HUB_TEST_WITH(FramePipeline, ShedsWhenTheHubIsFull, {.max_greenlets = 4}) {
  World world;  // main, replies
  world.custody.hold();
  for (const char* text : {"+A/1", "+B/1", "+C/1"})
    world.submit(text);
  EXPECT_EQ(world.dropped(DropReason::kGreenletLimit), 1u);
  EXPECT_EQ(world.pipeline.counters().in_flight, 2u);
  world.custody.let_go();
  run_until_quiet();
  world.receive("+C/1");
  EXPECT_EQ(world.listener.counters().accepted, 3u);
}

// --- faults -----------------------------------------------------------------------------------------------------

HUB_TEST(FramePipeline, WhatCustodyRefusesIsDroppedByItsReasonWithoutAnAnswer) {
  World world;
  for (const auto reason : {DropReason::kJournalBusy, DropReason::kJournalFull, DropReason::kJournalFailed}) {
    world.custody.refuse(reason);
    world.receive("+A/1");
    EXPECT_EQ(world.dropped(reason), 1u);
  }
  EXPECT_THAT(world.reporter.lines, Each("frame_not_taken text: no room"));
  world.custody.take_again();
  world.receive("+A/2");
  EXPECT_EQ(world.device.receive().text, "=A/2");
  EXPECT_EQ(world.listener.counters().replies_sent, 1u);
}

HUB_TEST(FramePipeline, WhatTheJournalLosesIsDroppedWithoutAnAnswer) {
  World world;
  world.custody.hold();
  world.receive("+A/1");
  world.custody.lose("A/1");
  run_until_quiet();
  EXPECT_EQ(world.dropped(DropReason::kJournalFailed), 1u);
  EXPECT_EQ(world.listener.counters().replies_sent, 0u);
  EXPECT_EQ(world.devices.size(), 0u);
}

HUB_TEST(FramePipeline, AFaultOfOurOwnIsCountedAndReported) {
  World world;
  world.custody.fail(std::logic_error("a bug"));
  world.receive("+A/1");
  world.receive("xA/2");
  EXPECT_EQ(world.dropped(DropReason::kInternalError), 2u);
  EXPECT_THAT(world.reporter.lines, ElementsAre("frame_failed text: a bug", "frame_failed text: the codec has a bug"));
  EXPECT_EQ(world.listener.counters().replies_sent, 0u);
  EXPECT_EQ(world.devices.held(), 0u);
}

HUB_TEST(FramePipeline, RunningOutOfMemoryIsCountedAndReported) {
  World world;
  world.custody.fail(std::bad_alloc());
  world.receive("+A/1");
  world.receive("mA/2");
  EXPECT_EQ(world.dropped(DropReason::kOutOfMemory), 2u);
  EXPECT_EQ(world.reporter.lines.size(), 2u);
}

// What is not a std::exception ends the frame's greenlet, and comes to the hub's error handler.
HUB_TEST(FramePipeline, AnExceptionOfAnyOtherKindIsAFaultNotAShutdown) {
  World world;
  world.custody.fail(greenrt::TimeoutExpired());
  world.receive("+A/1");
  EXPECT_EQ(world.dropped(DropReason::kInternalError), 1u);
  EXPECT_THAT(greenrt::testing::take_errors(), ElementsAre(HasSubstr("TimeoutExpired")));
}

HUB_TEST(FramePipeline, AFailedAcknowledgementDoesNotUndoTheCustody) {
  World world;
  world.receive("aA/1");
  EXPECT_EQ(world.listener.counters().accepted, 1u);
  EXPECT_EQ(world.pipeline.counters().dropped_total(), 0u);
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
  world.custody.hold();
  world.receive("+A/1");
  EXPECT_FALSE(world.pipeline.wait_idle(0s));
  const auto finisher = greenrt::spawn([&] { world.custody.finish("A/1"); });
  EXPECT_TRUE(world.pipeline.wait_idle(greenrt::Deadline::never()));
  finisher->join();
}

HUB_TEST(FramePipeline, IsNotIdleWhileOneThatCameInTheLastMomentIsInFlight) {
  World world;
  world.custody.hold();
  world.receive("+A/1");
  const auto waiter = greenrt::spawn([&] {
    EXPECT_TRUE(world.pipeline.wait_idle(greenrt::Deadline::never()));
    EXPECT_EQ(world.pipeline.counters().in_flight, 0u);
  });
  run_until_quiet();
  const auto in_flight = [&] { return world.pipeline.counters().in_flight; };
  world.custody.finish("A/1");
  while (in_flight() > 0)
    greenrt::yield();
  world.submit("+A/2");  // the waiter is awake already, and has not run yet
  run_until_quiet();
  EXPECT_FALSE(waiter->ready());
  world.custody.let_go();
  waiter->join();
}

HUB_TEST(FramePipeline, AbandonEndsFramesWhereverTheyAre) {
  World world;
  world.custody.hold();
  world.receive("+A/1");  // waits for the journal
  world.submit("+A/2");   // not started
  world.submit("+B/1");
  world.pipeline.abandon();
  EXPECT_EQ(world.pipeline.counters().in_flight, 0u);
  EXPECT_EQ(world.dropped(DropReason::kShutdown), 3u);
  EXPECT_EQ(world.custody.log(), "A/1");
}

HUB_TEST(FramePipeline, WhatIsDurableWhenItIsAbandonedIsAccepted) {
  World world({.ack = AckWhen::kStored});
  world.custody.hold();
  world.receive("+A/1");
  world.custody.make_durable("A/1");
  world.pipeline.abandon();
  EXPECT_EQ(world.listener.counters().accepted, 1u);
  EXPECT_EQ(world.dropped(DropReason::kShutdown), 0u);
}

HUB_TEST(FramePipeline, AbandonWithNothingInFlightReturns) {
  World world;
  world.pipeline.abandon();
  world.receive("+A/1");
  world.pipeline.abandon();
  EXPECT_EQ(world.pipeline.counters().dropped_total(), 0u);
}

// --- everything at once -----------------------------------------------------------------------------------------

// Five devices, custody that moves on in random order, loses, and leaves behind; frames that have no time left;
// datagrams of every kind. After each step the ledger balances, and what is taken of a device is in the order of its
// arrival.
void run_random_schedule(std::uint32_t seed) {
  std::mt19937 random(seed);
  World world({.limits = {.in_flight = 60, .in_flight_per_source = 20},
               .ack = seed % 3 == 0 ? AckWhen::kStored : AckWhen::kDurable});
  world.custody.hold();
  int frames = 0;
  const auto receive_one = [&] {
    constexpr std::string_view kKinds = "++++-2acmx?";
    const std::string device(1, static_cast<char>('A' + random() % 5));
    const auto ago = random() % 8 == 0 ? greenrt::Duration(1h) : greenrt::Duration(0s);
    world.submit(kKinds[random() % kKinds.size()] + device + "/" + std::to_string(++frames), ago);
  };
  std::set<std::string> durable;
  const auto move_one = [&] {
    const auto waiting = world.custody.waiting();
    if (waiting.empty()) return;
    const std::string& text = waiting[random() % waiting.size()];
    if (durable.insert(text).second) {
      random() % 5 == 0 ? world.custody.lose(text) : world.custody.make_durable(text);
    } else {
      random() % 5 == 0 ? world.custody.leave_behind(text) : world.custody.finish(text);
    }
  };
  for (int step = 0; step < 300; ++step) {
    switch (random() % 5) {
      case 0:
      case 1:
        receive_one();
        break;
      case 2:
        move_one();
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
    world.custody.let_go();
    EXPECT_TRUE(world.pipeline.wait_idle(10s));
  } else {
    world.pipeline.abandon();
  }
  EXPECT_EQ(world.devices.held(), 0u);
  world.expect_balanced();
  for (const auto& [nserie, arrivals] : world.custody.arrivals())
    EXPECT_EQ(std::adjacent_find(arrivals.begin(), arrivals.end(), std::greater_equal<>()), arrivals.end()) << nserie;
  EXPECT_FALSE(world.custody.arrivals().empty());
}

greenrt::HubOptions poll_after_each_switch() {
  greenrt::HubOptions options;
  options.switches_per_sample = 1;
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
