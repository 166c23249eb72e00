#include "ingest/transmitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "ingest/arrival_clock.h"
#include "tests/ingest/fakes.h"
#include "tests/ingest/socket_faults.h"

namespace ingest {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::eventually;
using ::testing::IsEmpty;
using testing::run_until_quiet;
using testing::SocketFault;

const testing::TextCodec kText;

// A transmitter that goes through its source once, and then not for an hour.
struct World {
  Listener listener{"text", kText, greenrt::UdpSocket::bind(testing::loopback()), false};
  testing::FakeDownlinkSource source;
  testing::RecordingReporter reporter;
  testing::DeviceSocket device;
  DeviceTable devices{100};
  Transmitter transmitter;
  greenrt::GreenletRef greenlet;

  explicit World(const TransmitterOptions& options = {.poll_interval = 1h})
      : transmitter(options, source, devices, reporter) {
    run_until_quiet();
  }
  ~World() {
    if (greenlet) greenlet->kill();
  }

  void hear(std::string_view nserie) { devices.hold(nserie)->heard(listener, device.path(), 1); }
  void run() {
    greenlet = greenrt::spawn([this] { transmitter.run(); });
    run_until_quiet();
  }
};

HUB_TEST(Transmitter, NotesTheAttemptThenSendsThenMarksTheRow) {
  World world;
  world.hear("A");
  world.source.queue(7, "A", "reboot");
  std::vector<std::string> seen;
  world.source.during = [&](const std::string& call) {
    if (call == "begin 7") seen = world.device.mail();
    if (call == "sent 7") seen.push_back(world.device.receive().text);
  };
  EXPECT_EQ(world.transmitter.poll(), 1u);
  EXPECT_THAT(world.source.log, ElementsAre("due", "begin 7", "sent 7"));
  EXPECT_THAT(seen, ElementsAre("A#7:reboot")) << "nothing before the attempt is noted, all before the row is marked";
  EXPECT_EQ(world.transmitter.counters().sent, 1u);
}

HUB_TEST(Transmitter, SendsFromTheSocketThatHeardTheDeviceToWhereItWasHeard) {
  World world;
  world.hear("A");
  world.source.queue(7, "A", "reboot");
  EXPECT_EQ(world.transmitter.poll(), 1u);
  EXPECT_EQ(world.device.receive().from, world.listener.socket().local_address());
}

HUB_TEST(Transmitter, SendsNothingWhenTheAttemptCouldNotBeNoted) {
  World world;
  world.hear("A");
  world.source.queue(7, "A", "reboot");
  world.source.failing = "begin 7";
  EXPECT_THROW(world.transmitter.poll(), std::runtime_error);
  EXPECT_THAT(world.source.log, ElementsAre("due", "begin 7"));
  EXPECT_EQ(world.listener.counters().replies_sent, 0u);
}

HUB_TEST(Transmitter, SendsNothingThatIsNotToBeSentAnyMore) {
  World world;
  world.hear("A");
  world.source.queue(7, "A", "cancelled meanwhile");
  world.source.queue(8, "A", "reboot");
  world.source.refused = {7};
  EXPECT_EQ(world.transmitter.poll(), 2u);
  EXPECT_THAT(world.source.log, ElementsAre("due", "begin 7", "begin 8", "sent 8"));
  EXPECT_EQ(world.device.receive().text, "A#8:reboot");
  EXPECT_THAT(world.device.mail(), IsEmpty());
}

HUB_TEST(Transmitter, ADeviceThatWasNotHeardKeepsItsDownlinksAndHoldsUpNobody) {
  World world({.poll_interval = 1h, .batch = 2});
  world.hear("A");
  for (std::uint64_t id : {1, 2, 3})
    world.source.queue(id, "silent", "reboot");
  world.source.queue(4, "A", "reboot");
  EXPECT_EQ(world.transmitter.poll(), 2u);
  EXPECT_EQ(world.transmitter.poll(), 2u) << "the second look goes on behind the first";
  EXPECT_THAT(world.source.log, ElementsAre("due", "due", "begin 4", "sent 4"));
  EXPECT_EQ(world.source.queued(), 3u);

  world.hear("silent");
  EXPECT_EQ(world.transmitter.poll(), 2u);
  EXPECT_EQ(world.transmitter.poll(), 1u);
  EXPECT_EQ(world.source.queued(), 0u);
}

HUB_TEST(Transmitter, WhatTheCodecCannotCarryIsLeftToWhoHearsTheDevice) {
  World world;
  world.hear("A");
  world.source.queue(7, "A", "?");
  world.source.refused = {7};
  EXPECT_EQ(world.transmitter.poll(), 1u);
  EXPECT_THAT(world.source.log, ElementsAre("due", "begin 7"));
}

HUB_TEST(Transmitter, WhatTheCodecCannotCarryFailsForGood) {
  World world;
  world.hear("A");
  world.source.queue(7, "A", "?");
  EXPECT_EQ(world.transmitter.poll(), 1u);
  EXPECT_EQ(world.source.queued(), 0u);
  EXPECT_THAT(world.source.log,
              ElementsAre("due", "begin 7", "failed 7: the codec of the device cannot carry this payload"));
  EXPECT_EQ(world.transmitter.counters().failed, 1u);
  EXPECT_EQ(world.transmitter.counters().sent, 0u);
}

HUB_TEST(Transmitter, WhatTheKernelRefusesMayBeTriedAgainButNotAtOnce) {
  World world;
  world.hear("A");
  world.source.queue(7, "A", "reboot");
  const SocketFault refused(SocketFault::Call::kSend, world.listener.socket().fd(), ENETUNREACH, 1'000);
  world.run();
  EXPECT_THAT(world.source.log, ElementsAre("due", "begin 7", "failed 7 retry: Network is unreachable"))
      << "the attempts of a downlink are not used up within a moment";
  EXPECT_EQ(world.transmitter.counters().failed, 1u);
  EXPECT_EQ(world.transmitter.counters().sent, 0u);
  EXPECT_EQ(world.source.queued(), 1u);
}

HUB_TEST(Transmitter, SurvivesADeviceThatIsForgottenWhileTheSourceWorks) {
  World world;
  world.devices.hold("A")->heard(world.listener, world.device.path(), 1);
  world.source.queue(7, "A", "reboot");
  world.source.during = [&](const std::string& call) {
    for (int i = 0; call == "begin 7" && i < 1000; ++i)
      world.devices.hold("other " + std::to_string(i))->heard(world.listener, {}, 2);
  };
  EXPECT_EQ(world.transmitter.poll(), 1u);
  EXPECT_EQ(world.devices.find("A"), nullptr);
  EXPECT_EQ(world.device.receive().text, "A#7:reboot");
}

HUB_TEST(Transmitter, WaitsForNothingBeforeItHasSeenAllThatIsDue) {
  World world({.poll_interval = 1h, .batch = 2});
  world.hear("A");
  for (std::uint64_t id = 1; id <= 1001; ++id)
    world.source.queue(id, "silent", "reboot");
  world.source.queue(1002, "A", "reboot");
  world.run();
  EXPECT_EQ(world.device.receive().text, "A#1002:reboot") << "although page after page before it cannot be sent";
  const auto looks = world.source.looks();
  greenrt::testing::let_poll();
  run_until_quiet();
  EXPECT_EQ(world.source.looks(), looks) << "the next pass is an hour away";
}

HUB_TEST(Transmitter, LooksAgainAtOnceAfterAFullBatchAndWaitsAfterTheLast) {
  World world({.poll_interval = 1h, .batch = 1});
  world.hear("A");
  world.source.queue(1, "A", "one");
  world.source.queue(2, "A", "two");
  world.run();
  EXPECT_THAT(world.source.log, ElementsAre("due", "begin 1", "sent 1", "due", "begin 2", "sent 2", "due"));
  greenrt::testing::let_poll();
  run_until_quiet();
  EXPECT_EQ(world.source.looks(), 3u) << "the next one is an hour away";
}

HUB_TEST(Transmitter, LooksAgainAfterThePollInterval) {
  World world({.poll_interval = 1ms});
  world.run();
  EXPECT_EQ(world.source.looks(), 1u);
  EXPECT_TRUE(eventually([&] { return world.source.looks() >= 4; }));
  EXPECT_THAT(world.reporter.lines, IsEmpty());
}

HUB_TEST(Transmitter, KeepsRunningWhenItsSourceIsOutOfReach) {
  World world({.poll_interval = 1ms});
  world.hear("A");
  world.source.queue(7, "A", "reboot");
  world.source.failing = "due";
  world.run();
  EXPECT_TRUE(eventually([&] { return world.transmitter.counters().source_errors >= 3; }));
  EXPECT_EQ(world.reporter.lines.front(), "downlink_source_failed transmitter: the source is out of reach");
  world.source.failing.clear();
  EXPECT_EQ(eventually([&] { return world.transmitter.counters().sent == 1; }), true);
  EXPECT_EQ(world.device.receive().text, "A#7:reboot");
}

// The frame is on its way, but the row does not say so: the source's leases decide what becomes of it, not a second
// send of ours.
HUB_TEST(Transmitter, DoesNotSendAgainByItselfWhenTheRowCouldNotBeMarked) {
  World world;
  world.hear("A");
  world.source.queue(7, "A", "reboot");
  world.source.failing = "sent 7";
  world.run();
  EXPECT_EQ(world.transmitter.counters().sent, 1u);
  EXPECT_EQ(world.transmitter.counters().source_errors, 1u);
  EXPECT_THAT(world.source.log, ElementsAre("due", "begin 7", "sent 7"));
  EXPECT_EQ(world.device.receive().text, "A#7:reboot");
  EXPECT_THAT(world.device.mail(), IsEmpty());
}

HUB_TEST(Transmitter, BringsAnAttemptThatHasBegunToItsEndWhenItIsKilled) {
  World world;
  world.hear("A");
  world.source.queue(7, "A", "reboot");
  world.source.queue(8, "A", "again");
  greenrt::GreenletRef killer;
  world.source.during = [&](const std::string& call) {
    if (call == "begin 7") killer = greenrt::spawn([&] { world.greenlet->kill(); });
  };
  world.run();
  EXPECT_TRUE(killer->ready());
  EXPECT_THAT(world.source.log, ElementsAre("due", "begin 7", "sent 7"));
  EXPECT_EQ(world.device.receive().text, "A#7:reboot");
}

HUB_TEST(Transmitter, MakesAnAttemptThatIsBeingNotedWhenItIsKilled) {
  World world;
  world.hear("A");
  world.source.queue(7, "A", "reboot");
  greenrt::GreenletRef killer;
  world.source.during = [&](const std::string& call) {
    if (call != "begin 7") return;
    killer = greenrt::spawn([&] { world.greenlet->kill(); });
    greenrt::yield();  // the server commits it meanwhile
    greenrt::yield();
  };
  world.run();
  EXPECT_TRUE(world.greenlet->ready());
  EXPECT_THAT(world.source.log, ElementsAre("due", "begin 7", "sent 7"));
}

HUB_TEST(Transmitter, SendsNothingToADeviceThatCouldNotBelieveIt) {
  World world;
  world.hear("A");
  world.hear("B");
  world.devices.hold("A")->make_proof(kText);
  world.source.queue(1, "A", "x");
  world.source.queue(2, "B", "y");
  world.run();
  EXPECT_EQ(world.device.receive().text, "B#2:y");
  EXPECT_THAT(world.source.log, ElementsAre("due", "begin 2", "sent 2"));
  EXPECT_EQ(world.source.queued(), 1u) << "it waits until the device names a key";
}

// --- devices that come and go --------------------------------------------------------------------------------------

// Devices that are sent to for a minute after they were heard.
struct MobileWorld : World {
  MobileWorld() : World({.poll_interval = 1h}) {}

  void hear_ago(std::string_view nserie, std::chrono::microseconds ago) {
    devices.hold(nserie)->heard(mobile, device.path(), ArrivalClock::now() - ago.count());
  }

  Listener mobile{"mobile", kText, greenrt::UdpSocket::bind(testing::loopback()), false, {}, 1min};
};

HUB_TEST(Transmitter, WaitsForADeviceThatWasSilentForLongerThanTheWayToItStaysOpen) {
  MobileWorld world;
  world.hear_ago("A", 61s);
  world.hear_ago("B", 59s);
  world.source.queue(1, "A", "x");
  world.source.queue(2, "B", "y");
  EXPECT_EQ(world.transmitter.poll(), 2u);
  EXPECT_THAT(world.source.log, ElementsAre("due", "begin 2", "sent 2"));
  EXPECT_EQ(world.transmitter.awaited(), 1u);
}

HUB_TEST(Transmitter, SendsNothingFromAListenerThatEnds) {
  World world;
  world.hear("A");
  world.listener.retire();
  world.source.queue(1, "A", "reboot");
  world.run();
  EXPECT_THAT(world.source.log, ElementsAre("due"));
}

HUB_TEST(Transmitter, SendsRightAfterTheDeviceIsHeardAndNotBeforeTheNextPass) {
  MobileWorld world;
  world.source.queue(1, "A", "x");
  world.run();
  EXPECT_THAT(world.source.log, ElementsAre("due"));
  world.hear_ago("A", 0s);
  world.transmitter.heard("A");
  run_until_quiet();
  EXPECT_THAT(world.source.log, ElementsAre("due", "due for A", "begin 1", "sent 1"));
  EXPECT_EQ(world.device.receive().text, "A#1:x");
  EXPECT_EQ(world.transmitter.awaited(), 0u);
  world.transmitter.heard("A");
  run_until_quiet();
  EXPECT_EQ(world.source.log.size(), 4u) << "nothing waits for it any more";
}

HUB_TEST(Transmitter, SendsTheNextOneRightAfterTheOneBeforeHasEnded) {
  MobileWorld world;
  world.run();
  world.hear_ago("A", 0s);
  world.source.queue(2, "A", "next");
  world.transmitter.ended("A");
  run_until_quiet();
  EXPECT_THAT(world.source.log, ElementsAre("due", "due for A", "begin 2", "sent 2"));
}

HUB_TEST(Transmitter, GoesOnAfterASourceThatFailedWhileADeviceWasServed) {
  MobileWorld world;
  world.source.queue(1, "A", "x");
  world.run();
  world.hear_ago("A", 0s);
  world.source.failing = "due for A";
  world.transmitter.heard("A");
  run_until_quiet();
  EXPECT_EQ(world.transmitter.counters().source_errors, 1u);
  world.source.failing.clear();
  world.transmitter.ended("A");
  run_until_quiet();
  EXPECT_EQ(world.device.receive().text, "A#1:x");
}

HUB_TEST(Transmitter, TellsTheSourceHowTheDeviceTakesItAndWhenItWasHeard) {
  World world;
  world.hear("A");
  world.source.queue(7, "A", "reboot");
  world.transmitter.poll();
  EXPECT_EQ(world.source.last_attempt.heard_at, 1);
  EXPECT_FALSE(world.source.last_attempt.repeatable);
  EXPECT_TRUE(world.source.last_answered);
}

// --- answers without a name ----------------------------------------------------------------------------------------

// Of a protocol whose answers do not say who answers.
class NamelessCodec final : public testing::TextCodec {
 public:
  [[nodiscard]] DownlinkManners downlink_manners(std::uint8_t) const override { return {.answers_name_device = false}; }
};

struct NamelessWorld : World {
  void hear(std::string_view nserie, const testing::DeviceSocket& at) {
    devices.hold(nserie)->heard(nameless, at.path(), 1);
  }

  NamelessCodec codec;
  Listener nameless{"nameless", codec, greenrt::UdpSocket::bind(testing::loopback()), false};
  testing::DeviceSocket other;
};

HUB_TEST(Transmitter, KnowsWhoAnswersWithoutANameByTheAddressItSentTo) {
  NamelessWorld world;
  world.hear("A", world.device);
  world.hear("B", world.other);
  world.source.queue(1, "A", "x");
  world.source.queue(2, "B", "y");
  world.transmitter.poll();
  EXPECT_TRUE(world.transmitter.has_addressee(world.nameless, world.other.address()));
  EXPECT_FALSE(world.transmitter.has_addressee(world.listener, world.other.address()));
  EXPECT_EQ(world.transmitter.take_addressee(world.nameless, world.other.address()), "B");
  EXPECT_FALSE(world.transmitter.has_addressee(world.nameless, world.other.address()));
  EXPECT_EQ(world.transmitter.take_addressee(world.nameless, world.other.address()), std::nullopt) << "once";
  EXPECT_EQ(world.transmitter.take_addressee(world.listener, world.device.address()), std::nullopt);
  EXPECT_EQ(world.transmitter.take_addressee(world.nameless, world.device.address()), "A");
}

HUB_TEST(Transmitter, HasOneFrameUnderWayToAnAddress) {
  NamelessWorld world;
  world.hear("A", world.device);
  world.hear("B", world.device);
  world.source.queue(1, "A", "x");
  world.source.queue(2, "B", "y");
  world.transmitter.poll();
  EXPECT_THAT(world.source.log, ElementsAre("due", "begin 1", "sent 1"));
  EXPECT_EQ(world.transmitter.take_addressee(world.nameless, world.device.address()), "A");
  world.transmitter.poll();
  EXPECT_EQ(world.source.log.back(), "sent 2");
}

HUB_TEST(Transmitter, HoldsNoAddressForWhatWasNotSent) {
  NamelessWorld world;
  world.hear("A", world.device);
  world.source.queue(1, "A", "x");
  world.source.refused = {1};
  world.transmitter.poll();
  EXPECT_EQ(world.transmitter.take_addressee(world.nameless, world.device.address()), std::nullopt);
}

}  // namespace
}  // namespace ingest
