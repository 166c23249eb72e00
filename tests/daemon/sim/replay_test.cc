#include "daemon/sim/replay.h"

#include <gmock/gmock.h>

#include "tests/daemon/sim/responder.h"
#include "tests/ingest/hex.h"
#include "tests/ingest/teltonika_vectors.h"
#include "tests/support/hub_fixture.h"

namespace hilera::sim {
namespace {

using namespace std::chrono_literals;
using capture::Captured;
using capture::Time;
using greenrt::SocketAddress;
using ingest::testing::from_hex;
using ingest::testing::kCodec16Example;
using ingest::testing::kCodec8Example;

// A capture in memory.
class Tape final : public capture::Reader {
 public:
  void add(std::string_view hex, std::optional<Time> time = {}, const char* source = "192.0.2.7",
           std::uint16_t port = 5027) {
    tape_.push_back({.time = time,
                     .source = SocketAddress::parse(source, 4000),
                     .destination = SocketAddress::parse("192.0.2.1", port),
                     .bytes = from_hex(hex)});
  }
  bool next(Captured& captured) override {
    if (place_ == tape_.size()) return false;
    captured = tape_[place_++];
    return true;
  }

 private:
  std::vector<Captured> tape_;
  std::size_t place_ = 0;
};

struct World {
  explicit World(std::size_t answers = 1) : collector("teltonika", [answers](std::size_t) { return answers; }) {
    options.target = collector.address();
    options.wait = 10s;
  }

  // Ends when so many datagrams and answers have come.
  ReplayTally play(std::size_t datagrams, std::size_t answers) {
    Replay replay(tape, options);
    const auto stopper = greenrt::spawn([&] {
      while (collector.datagrams() < datagrams || replay.tally().answers < answers)
        greenrt::sleep(1ms);
      replay.stop();
    });
    replay.run();
    stopper->kill();
    return replay.tally();
  }

  Tape tape;
  Responder collector;
  ReplayOptions options;
};

HUB_TEST(Replay, SendsWhatWasCapturedAndCountsTheAnswers) {
  World world(2);
  world.tape.add(kCodec8Example);
  world.tape.add(kCodec16Example);
  const ReplayTally tally = world.play(2, 4);
  EXPECT_EQ(tally.sent, 2u);
  EXPECT_EQ(tally.answers, 4u);
  EXPECT_EQ(tally.send_failed, 0u);
  EXPECT_EQ(world.collector.frames().count(from_hex(kCodec8Example)), 1u);
  EXPECT_EQ(world.collector.frames().count(from_hex(kCodec16Example)), 1u);
}

HUB_TEST(Replay, EachSourceIsAnotherPeer) {
  World world;
  for (const char* source : {"192.0.2.7", "192.0.2.8", "192.0.2.7", "2001:db8::1"})
    world.tape.add(kCodec8Example, {}, source);
  EXPECT_EQ(world.play(4, 0).sources, 3u);
  EXPECT_EQ(world.collector.sources().size(), 3u);
}

HUB_TEST(Replay, ManySourcesShareSockets) {
  World world;
  for (std::size_t i = 0; i < Replay::kMaxSockets + 2; ++i) {
    const std::string source = "10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256);
    // With pauses, for the collector is on this hub and has a small buffer.
    world.tape.add(kCodec8Example, Time(i * 50us), source.c_str());
  }
  EXPECT_EQ(world.play(Replay::kMaxSockets + 2, 0).sources, Replay::kMaxSockets + 2);
  EXPECT_EQ(world.collector.sources().size(), Replay::kMaxSockets);
}

HUB_TEST(Replay, MayBeOfOnePort) {
  World world;
  world.options.port = 5027;
  world.tape.add(kCodec8Example);
  world.tape.add(kCodec8Example, {}, "192.0.2.7", 5600);
  const ReplayTally tally = world.play(1, 1);
  EXPECT_EQ(tally.sent, 1u);
  EXPECT_EQ(tally.other_ports, 1u);
}

HUB_TEST(Replay, KeepsThePausesOfTheCapture) {
  World world;
  world.tape.add(kCodec8Example, Time(1000s));
  world.tape.add(kCodec8Example, Time(1000s + 40ms));
  world.tape.add(kCodec8Example, Time(1000s + 20ms));  // a capture may be a little out of order
  const auto began = greenrt::Clock::now();
  EXPECT_EQ(world.play(3, 0).sent, 3u);
  EXPECT_GE(greenrt::Clock::now() - began, 40ms);
}

HUB_TEST(Replay, MayBeAsFastAsPossible) {
  World world;
  world.options.speed = 0;
  world.tape.add(kCodec8Example, Time(0s));
  world.tape.add(kCodec8Example, Time(1'000'000s));
  EXPECT_EQ(world.play(2, 0).sent, 2u);
}

HUB_TEST(Replay, CanBeStoppedInAPause) {
  World world;
  world.tape.add(kCodec8Example, Time(0s));
  world.tape.add(kCodec8Example, Time(1'000'000s));
  EXPECT_EQ(world.play(1, 0).sent, 1u);
}

}  // namespace
}  // namespace hilera::sim
