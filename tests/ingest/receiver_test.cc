#include "ingest/receiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "ingest/native_codec.h"
#include "ingest/native_frame.h"
#include "ingest/native_items.h"
#include "tests/ingest/fakes.h"
#include "tests/ingest/socket_faults.h"

namespace ingest {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::rejected;
using testing::run_until_quiet;
using ::testing::SizeIs;
using testing::SocketFault;

std::string native_frame(std::string_view serial, std::uint32_t sequence) {
  std::vector<std::byte> payload;
  native::ItemWriter(payload).add_integer<std::uint32_t>(1, sequence);
  std::vector<std::byte> frame;
  native::build_frame(
      {.flags = native::kAckWanted, .serial = serial, .epoch = 1, .sequence = sequence, .payload = payload}, frame);
  return std::string(as_text(frame));
}

// The answer that NATIVE_FRAME.md describes: stored.
std::string native_answer(std::string_view serial, std::uint32_t sequence) {
  const std::byte stored{0};
  std::vector<std::byte> frame;
  native::build_frame({.flags = native::kAnswerAck | native::kDownlink,
                       .serial = serial,
                       .epoch = 1,
                       .sequence = sequence,
                       .payload = {&stored, 1}},
                      frame);
  return std::string(as_text(frame));
}

// A receiver on a socket of its own with all that stands behind it. Starts with run().
class World {
 public:
  explicit World(const Codec& codec, std::string_view host = "127.0.0.1")
      : listener("socket", codec, greenrt::UdpSocket::bind(testing::loopback(host), {.receive_buffer = 4 << 20}),
                 false),
        pipeline({}, custody, devices, reporter),
        receiver(listener, pipeline, arrivals, reporter) {
    run_until_quiet();
  }
  ~World() {
    stop();
    pipeline.abandon();
    expect_balanced();
  }

  void run() {
    greenlet_ = greenrt::spawn([this] { receiver.run(); });
  }
  void stop() {
    if (greenlet_) greenlet_->kill();
  }
  // Where a device reaches the listener that listens everywhere.
  [[nodiscard]] greenrt::SocketAddress at(std::string_view host = "127.0.0.1") const {
    return testing::loopback(host, listener_port_);
  }
  // Waits until that many datagrams have come in and have ended.
  bool received(std::uint64_t count) {
    return eventually([&] { return listener.counters().received == count && pipeline.counters().in_flight == 0; });
  }

  void expect_balanced() const {
    const ListenerCounters& in = listener.counters();
    const PipelineCounters& all = pipeline.counters();
    EXPECT_EQ(in.received, in.accepted + in.control + in.rejected.total() + all.dropped_total() + all.in_flight);
  }

  Listener listener;
  testing::FakeCustody custody;
  testing::RecordingReporter reporter;
  DeviceTable devices{100};
  FramePipeline pipeline;
  ArrivalClock arrivals;
  Receiver receiver;

 private:
  std::uint16_t listener_port_ = listener.socket().local_address().port();
  greenrt::GreenletRef greenlet_;
};

const testing::TextCodec kText;
const NativeCodec kNative;

TEST(Listener, CountsTheReasonsOfItsCodecThoseOfVettingAndItsOwn) {
  greenrt::testing::run_in_hub([] {
    const Listener listener("name", kText, greenrt::UdpSocket::bind(testing::loopback()), true);
    EXPECT_EQ(listener.name(), "name");
    EXPECT_TRUE(listener.origin()->store_raw);
    std::vector<std::string_view> reasons;
    for (const auto& [reason, count] : listener.counters().rejected.counts())
      reasons.push_back(reason);
    std::vector<std::string_view> expected{"bad_letter"};
    expected.insert(expected.end(), refusal::kAll.begin(), refusal::kAll.end());
    expected.push_back(kOversize);
    EXPECT_EQ(reasons, expected);
    run_until_quiet();
  });
}

HUB_TEST(Receiver, TakesADatagramFromTheSocketToTheStoreAndAnswers) {
  World world(kNative);
  world.run();
  const testing::DeviceSocket device;
  device.send(native_frame("SN-1", 7), world.at());
  ASSERT_TRUE(world.received(1));
  EXPECT_EQ(device.receive().text, native_answer("SN-1", 7));
  EXPECT_EQ(world.custody.arrivals().count("SN-1"), 1u);
}

HUB_TEST(Receiver, AnswersFromTheAddressThatTheDeviceUsed) {
  World world(kNative, "0.0.0.0");
  world.run();
  const testing::DeviceSocket device;
  std::uint32_t sent = 0;
  for (const char* host : {"127.0.0.2", "127.0.0.1", "127.0.0.3"}) {
    device.send(native_frame("SN-1", ++sent), world.at(host));
    ASSERT_TRUE(world.received(sent));
    const auto answer = device.receive();
    EXPECT_EQ(answer.text, native_answer("SN-1", sent));
    EXPECT_EQ(answer.from, world.at(host));
  }
}

HUB_TEST(Receiver, AnswersFromTheRightAddressInOneBatchToo) {
  World world(kNative, "0.0.0.0");
  const testing::DeviceSocket one;
  const testing::DeviceSocket two;
  one.send(native_frame("SN-1", 1), world.at("127.0.0.1"));
  two.send(native_frame("SN-2", 1), world.at("127.0.0.2"));
  world.run();
  ASSERT_TRUE(world.received(2));
  EXPECT_EQ(one.receive().from, world.at("127.0.0.1"));
  EXPECT_EQ(two.receive().from, world.at("127.0.0.2"));
}

HUB_TEST(Receiver, StampsInTheOrderOfTheSocketOverBatches) {
  World world(kText);
  const testing::DeviceSocket device;
  const std::size_t count = 3 * Receiver::kBatch + 7;
  for (std::size_t i = 0; i < count; ++i)
    device.send("-A/" + std::to_string(i), world.at());
  world.run();
  ASSERT_TRUE(world.received(count));
  const auto& arrivals = world.custody.arrivals().at("A");
  EXPECT_THAT(arrivals, SizeIs(count));
  EXPECT_EQ(std::adjacent_find(arrivals.begin(), arrivals.end(), std::greater_equal<>()), arrivals.end());
  std::string expected;
  for (std::size_t i = 0; i < count; ++i)
    expected += (i > 0 ? " A/" : "A/") + std::to_string(i);
  EXPECT_EQ(world.custody.log(), expected);
}

HUB_TEST(Receiver, CountsWhatIsLongerThanTheCodecTakesAndDoesNotAnswer) {
  World world(kText);
  world.run();
  const testing::DeviceSocket device;
  device.send("+A/" + std::string(testing::TextCodec::kMaxSize, 'x'), world.at());
  device.send("+A/" + std::string(testing::TextCodec::kMaxSize - 3, 'y'), world.at());
  ASSERT_TRUE(world.received(2));
  EXPECT_EQ(rejected(world.listener, kOversize), 1u);
  EXPECT_EQ(world.listener.counters().accepted, 1u) << "of exactly the limit";
  EXPECT_THAT(device.receive().text, HasSubstr("y"));
  EXPECT_THAT(device.mail(), IsEmpty());
}

HUB_TEST(Receiver, CountsWhatIsMalformedAndDoesNotAnswer) {
  World world(kNative);
  world.run();
  const testing::DeviceSocket device;
  const std::string good = native_frame("SN-1", 7);
  device.send("", world.at());
  device.send("hello, is anybody there?", world.at());
  for (std::size_t size = 1; size < good.size(); ++size)
    device.send(good.substr(0, size), world.at());
  ASSERT_TRUE(world.received(good.size() + 1));
  EXPECT_EQ(world.listener.counters().rejected.total(), good.size() + 1);
  EXPECT_EQ(world.listener.counters().replies_sent, 0u);
  EXPECT_THAT(device.mail(), IsEmpty());
  EXPECT_EQ(world.custody.log(), "");
}

HUB_TEST(Receiver, OutlivesAReceiveError) {
  World world(kText);
  const testing::DeviceSocket device;
  const SocketFault broken(SocketFault::Call::kReceive, world.listener.socket().fd(), EIO, 2);
  device.send("+A/1", world.at());
  world.run();
  ASSERT_TRUE(world.received(1));
  EXPECT_EQ(device.receive().text, "=A/1");
  EXPECT_EQ(world.listener.counters().receive_errors, 2u);
  EXPECT_THAT(world.reporter.lines, SizeIs(2));
  EXPECT_THAT(world.reporter.lines, Each(HasSubstr("receive_failed socket: ")));
}

// One pause before each new try: the error cannot keep the hub busy.
HUB_TEST(Receiver, DoesNotSpinOnAnErrorThatLasts) {
  for (const int error : {EBADF, ENOMEM}) {
    World world(kText);
    const SocketFault broken(SocketFault::Call::kReceive, world.listener.socket().fd(), error, 1'000'000);
    world.run();
    run_until_quiet();
    EXPECT_EQ(broken.hits(), 1u);
  }
}

HUB_TEST(Receiver, PassesOverErrorsThatAPeerCauses) {
  World world(kText);
  const testing::DeviceSocket device;
  const SocketFault refused(SocketFault::Call::kReceive, world.listener.socket().fd(), ECONNREFUSED, 3);
  device.send("+A/1", world.at());
  world.run();
  ASSERT_TRUE(world.received(1));
  EXPECT_EQ(world.listener.counters().receive_errors, 0u);
}

HUB_TEST(Receiver, FramesGetTheirTurnBetweenTwoBatches) {
  World world(kText);
  const testing::DeviceSocket device;
  for (std::size_t i = 0; i < 2 * Receiver::kBatch; ++i)
    device.send("-A/1", world.at());
  world.run();
  std::uint64_t most = 0;
  EXPECT_TRUE(eventually([&] {
    most = std::max(most, world.pipeline.counters().in_flight);
    return world.listener.counters().accepted == 2 * Receiver::kBatch;
  }));
  EXPECT_LE(most, Receiver::kBatch);
}

HUB_TEST(Receiver, AKillLosesNothingThatWasReceived) {
  World world(kText);
  const testing::DeviceSocket device;
  for (int i = 0; i < 10; ++i)
    device.send("-A/1", world.at());
  world.run();
  greenrt::yield();
  world.stop();
  EXPECT_EQ(world.listener.counters().received, 10u);
  EXPECT_TRUE(world.pipeline.wait_idle(10s));
  EXPECT_EQ(world.listener.counters().accepted, 10u);
}

HUB_TEST(Receiver, TakesWhatWaitsInTheSocketBatchByBatch) {
  World world(kText);
  const testing::DeviceSocket device;
  const std::size_t count = 3 * Receiver::kBatch + 1;
  for (std::size_t i = 0; i < count; ++i)
    device.send("-A/1", world.at());
  for (std::size_t batch = 1; batch <= 4; ++batch) {
    EXPECT_TRUE(world.receiver.take_waiting());
    EXPECT_EQ(world.listener.counters().received, std::min(batch * Receiver::kBatch, count));
    greenrt::yield();
  }
  EXPECT_FALSE(world.receiver.take_waiting());
  EXPECT_TRUE(world.pipeline.wait_idle(10s));
  EXPECT_EQ(world.listener.counters().accepted, count);
}

HUB_TEST(Receiver, CountsWhatItTurnsAway) {
  World world(kText);
  const testing::DeviceSocket device;
  const std::size_t count = Receiver::kBatch + 1;
  for (std::size_t i = 0; i < count; ++i)
    device.send("+A/1", world.at());
  EXPECT_TRUE(world.receiver.turn_away_waiting());
  EXPECT_TRUE(world.receiver.turn_away_waiting());
  EXPECT_FALSE(world.receiver.turn_away_waiting());
  EXPECT_EQ(world.listener.counters().received, count);
  EXPECT_EQ(world.pipeline.counters().dropped[static_cast<std::size_t>(DropReason::kShutdown)], count);
  EXPECT_EQ(world.pipeline.counters().in_flight, 0u);
  EXPECT_THAT(device.mail(), IsEmpty());
}

HUB_TEST(Receiver, SeesNothingWaitingAfterAReceiveErrorWhichItCounts) {
  World world(kText);
  const testing::DeviceSocket device;
  device.send("-A/1", world.at());
  const SocketFault broken(SocketFault::Call::kReceive, world.listener.socket().fd(), EIO, 1);
  EXPECT_FALSE(world.receiver.take_waiting());
  EXPECT_EQ(world.listener.counters().receive_errors, 1u);
  EXPECT_THAT(world.reporter.lines, SizeIs(1));
}

}  // namespace
}  // namespace ingest
