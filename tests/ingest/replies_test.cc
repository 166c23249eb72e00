#include "ingest/replies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

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

constexpr std::size_t kBatch = 256;
constexpr std::size_t kForEver = 1'000'000'000;

// The outgoing side of a socket, and the device that it answers.
struct World {
  greenrt::UdpSocket socket = greenrt::UdpSocket::bind(testing::loopback());
  ListenerCounters counters{{}};
  testing::DeviceSocket device;
  Replies replies{socket, counters};

  World() { run_until_quiet(); }

  void acknowledge(std::string_view text) { replies.acknowledge(as_bytes(text), device.path()); }
  int send(std::string_view text, greenrt::Deadline deadline = 10s) {
    return replies.send(as_bytes(text), device.path(), deadline);
  }
  // What a send buffer without room does.
  [[nodiscard]] SocketFault block() const { return {SocketFault::Call::kSend, socket.fd(), EAGAIN, kForEver}; }
};

HUB_TEST(Replies, SendsWhatIsAcknowledgedInOneGo) {
  World world;
  world.acknowledge("one");
  world.acknowledge("two");
  EXPECT_EQ(world.counters.replies_sent, 0u) << "collected until the sender has its turn";
  run_until_quiet();
  EXPECT_EQ(world.device.receive().text, "one");
  EXPECT_EQ(world.device.receive().text, "two");
  EXPECT_EQ(world.counters.acks_sent, 2u);
  EXPECT_EQ(world.counters.replies_sent, 2u);
  EXPECT_EQ(world.counters.replies_failed, 0u);
}

HUB_TEST(Replies, CopiesTheBytes) {
  World world;
  std::string text = "one";
  world.acknowledge(text);
  text = "xxx";
  run_until_quiet();
  EXPECT_EQ(world.device.receive().text, "one");
}

HUB_TEST(Replies, FullBatchMakesTheNextOneWaitAndLosesNothing) {
  World world;
  for (std::size_t i = 0; i < kBatch; ++i)
    world.acknowledge("x");
  EXPECT_EQ(world.counters.replies_sent, 0u) << "nobody has waited so far";
  world.acknowledge("x");
  EXPECT_EQ(world.counters.acks_sent, kBatch);
  run_until_quiet();
  EXPECT_EQ(world.counters.acks_sent, kBatch + 1);
}

HUB_TEST(Replies, ManyGreenletsShareTheBatchesAndAllGetTheirTurn) {
  World world;
  constexpr std::size_t kGreenlets = 5 * kBatch / 2;
  std::vector<greenrt::GreenletRef> greenlets;
  for (std::size_t i = 0; i < kGreenlets; ++i)
    greenlets.push_back(greenrt::spawn([&] { world.acknowledge("x"); }));
  EXPECT_TRUE(greenrt::join_all(greenlets, 10s));
  EXPECT_TRUE(world.replies.flush(10s));
  EXPECT_EQ(world.counters.acks_sent, kGreenlets);
}

HUB_TEST(Replies, WhoIsKilledWhileWaitingForRoomHandsOverNothing) {
  World world;
  const auto blocked = world.block();
  world.acknowledge("x");
  run_until_quiet();
  for (std::size_t i = 0; i < kBatch; ++i)
    world.acknowledge("x");
  const auto waiting = greenrt::spawn([&] { world.acknowledge("too much"); });
  run_until_quiet();
  EXPECT_FALSE(waiting->ready());
  waiting->kill();
  world.replies.stop();
  EXPECT_EQ(world.counters.replies_failed, 1 + kBatch);
}

HUB_TEST(Replies, CountsWhatTheKernelRefusesAndSendsTheRest) {
  World world;
  world.acknowledge("one");
  world.replies.acknowledge(as_bytes("nowhere"), {.peer = testing::loopback("127.0.0.1", 0)});
  world.acknowledge("two");
  run_until_quiet();
  EXPECT_EQ(world.device.receive().text, "one");
  EXPECT_EQ(world.device.receive().text, "two");
  EXPECT_EQ(world.counters.acks_sent, 2u);
  EXPECT_EQ(world.counters.replies_failed, 1u);
}

HUB_TEST(Replies, SendsADownlinkAtOnce) {
  World world;
  EXPECT_EQ(world.send("down"), 0);
  EXPECT_EQ(world.device.receive().text, "down");
  EXPECT_EQ(world.counters.replies_sent, 1u);
  EXPECT_EQ(world.counters.acks_sent, 0u);
}

HUB_TEST(Replies, SaysWhyADownlinkWasRefused) {
  World world;
  const SocketFault refused(SocketFault::Call::kSend, world.socket.fd(), ENETUNREACH, 1);
  EXPECT_EQ(world.send("down"), ENETUNREACH);
  EXPECT_EQ(world.counters.replies_failed, 1u);
  EXPECT_EQ(world.send("down again"), 0);
  EXPECT_THAT(world.device.mail(), ElementsAre("down again"));
}

HUB_TEST(Replies, ADownlinkEndsAtItsDeadlineWhileTheSocketIsBusy) {
  World world;
  const auto blocked = world.block();
  EXPECT_EQ(world.send("down", 0s), EAGAIN);
  EXPECT_EQ(world.counters.replies_failed, 1u);
}

HUB_TEST(Replies, DownlinksAndAcknowledgementsTakeTurnsAtTheSocket) {
  World world;
  std::vector<greenrt::GreenletRef> senders;
  {
    const auto blocked = world.block();
    world.acknowledge("ack");
    for (const char* text : {"down 1", "down 2"})
      senders.push_back(greenrt::spawn([&world, text] { EXPECT_EQ(world.send(text), 0); }));
    run_until_quiet();
    EXPECT_THAT(world.device.mail(), IsEmpty());
  }
  EXPECT_TRUE(greenrt::join_all(senders, 10s));
  EXPECT_EQ(world.device.receive().text, "ack");
  EXPECT_EQ(world.device.receive().text, "down 1");
  EXPECT_EQ(world.device.receive().text, "down 2");
}

HUB_TEST(Replies, AKilledDownlinkLeavesNothingBehind) {
  World world;
  {
    const auto blocked = world.block();
    const auto sender = greenrt::spawn([&] { (void)world.send("killed"); });
    run_until_quiet();
    sender->kill();
  }
  EXPECT_EQ(world.send("next"), 0);
  EXPECT_EQ(world.device.receive().text, "next");
  EXPECT_THAT(world.device.mail(), IsEmpty());
}

HUB_TEST(Replies, FlushWaitsUntilAllIsSent) {
  World world;
  EXPECT_TRUE(world.replies.flush(0s)) << "nothing was handed over";
  {
    const auto blocked = world.block();
    world.acknowledge("one");
    run_until_quiet();
    world.acknowledge("two");
    EXPECT_FALSE(world.replies.flush(0s));
  }
  EXPECT_TRUE(world.replies.flush(10s));
  EXPECT_EQ(world.counters.acks_sent, 2u);
}

HUB_TEST(Replies, FlushIncludesWhatIsHandedOverInTheLastMoment) {
  World world;
  std::optional<SocketFault> blocked(std::in_place, SocketFault::Call::kSend, world.socket.fd(), EAGAIN, kForEver);
  world.acknowledge("one");
  const auto flusher = greenrt::spawn([&] {
    EXPECT_TRUE(world.replies.flush(10s));
    EXPECT_EQ(world.counters.acks_sent, 2u);
  });
  run_until_quiet();
  blocked.reset();
  while (world.counters.acks_sent == 0)
    greenrt::yield();
  world.acknowledge("two");  // the flusher is awake already, and has not run yet
  flusher->join();
}

HUB_TEST(Replies, AClosedSocketFailsRepliesAndBlocksNobody) {
  World world;
  world.socket.close();
  for (std::size_t i = 0; i < 3 * kBatch; ++i)
    world.acknowledge("x");
  EXPECT_TRUE(world.replies.flush(10s));
  EXPECT_EQ(world.counters.replies_failed, 3 * kBatch);
  EXPECT_EQ(world.send("down"), EBADF);
}

HUB_TEST(Replies, StopCountsWhatIsLeftAsFailed) {
  World world;
  const auto blocked = world.block();
  world.acknowledge("one");
  run_until_quiet();
  world.acknowledge("two");
  world.replies.stop();
  EXPECT_EQ(world.counters.replies_failed, 2u);
  EXPECT_TRUE(world.replies.flush(greenrt::Deadline::never())) << "nothing is left to wait for";
  world.replies.stop();
  EXPECT_EQ(world.counters.replies_failed, 2u);
}

HUB_TEST(Replies, AfterStopAcknowledgementsFailAtOnce) {
  World world;
  const auto blocked = world.block();
  world.acknowledge("x");
  run_until_quiet();
  for (std::size_t i = 0; i < kBatch; ++i)
    world.acknowledge("x");
  const auto waiting_for_room = greenrt::spawn([&] { world.acknowledge("x"); });
  run_until_quiet();
  world.replies.stop();
  EXPECT_TRUE(waiting_for_room->join(10s));
  for (std::size_t i = 0; i < 2 * kBatch; ++i)
    world.acknowledge("x");
  EXPECT_EQ(world.counters.replies_failed, 1 + kBatch + 1 + 2 * kBatch);
}

}  // namespace
}  // namespace ingest
