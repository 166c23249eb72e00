#include "daemon/sim/simulator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>

#include "tests/daemon/run_in_hub.h"
#include "tests/daemon/sim/responder.h"

namespace hilera::sim {
namespace {

using namespace std::chrono_literals;

SimulatorOptions options_for(const Responder& responder, std::string codec = "native") {
  SimulatorOptions options;
  options.target = responder.address();
  options.codec = std::move(codec);
  options.devices = 7;
  options.rate = 0;
  options.frames = 100;
  options.wait_acks = 20s;
  options.epoch = 1000;
  options.resend = {.first = 5ms, .longest = 20ms, .jitter = 0.1};
  return options;
}

void expect_identities(const Tally& tally) {
  EXPECT_EQ(tally.sent, tally.acked + tally.unacked);
  EXPECT_EQ(tally.datagrams + tally.send_failed, tally.sent + tally.resent + tally.keep_alives);
  EXPECT_EQ(tally.ack_latency.count(), tally.acked);
}

class SimulatorWithCodec : public testing::TestWithParam<const char*> {};

TEST_P(SimulatorWithCodec, SendsFramesThatTheCollectorUnderstandsAndSeesThemAcknowledged) {
  run_in_hub([] {
    Responder responder(GetParam(), once);
    Simulator simulator(options_for(responder, GetParam()));
    simulator.run();
    EXPECT_EQ(simulator.tally().sent, 100u);
    EXPECT_EQ(simulator.tally().acked, 100u);
    EXPECT_EQ(simulator.tally().unexpected, 0u);
    expect_identities(simulator.tally());
    EXPECT_EQ(responder.rejected(), 0u);
    EXPECT_EQ(responder.control(), simulator.tally().keep_alives);
    EXPECT_EQ(responder.frames().size(), 100u);
    EXPECT_EQ(responder.serials().size(), 7u);
    EXPECT_EQ(responder.keys().size(), simulator.tally().records);
  });
}

TEST_P(SimulatorWithCodec, SendsTheSameBytesAgainUntilTheyAreAcknowledged) {
  run_in_hub([] {
    Responder responder(GetParam(), [](std::size_t times) { return times < 3 ? 0 : 1; });
    Simulator simulator(options_for(responder, GetParam()));
    simulator.run();
    EXPECT_EQ(simulator.tally().acked, 100u);
    EXPECT_GE(simulator.tally().resent, 200u);
    expect_identities(simulator.tally());
    // Other bytes would be another frame.
    EXPECT_EQ(responder.frames().size(), 100u);
    EXPECT_TRUE(std::ranges::all_of(responder.frames(), [](const auto& frame) { return frame.second >= 3; }));
  });
}

TEST_P(SimulatorWithCodec, NeverHasMoreFramesOpenThanTheWindow) {
  run_in_hub([] {
    Responder responder(GetParam(), [](std::size_t times) { return times < 2 ? 0 : 1; });
    SimulatorOptions options = options_for(responder, GetParam());
    options.window = 3;
    Simulator simulator(options);
    simulator.run();
    EXPECT_EQ(simulator.tally().acked, 100u);
    EXPECT_EQ(responder.most_open(), 3u);
  });
}

TEST_P(SimulatorWithCodec, HasOneFrameOpenUnlessToldOtherwise) {
  run_in_hub([] {
    Responder responder(GetParam(), [](std::size_t times) { return times < 2 ? 0 : 1; });
    Simulator simulator(options_for(responder, GetParam()));
    simulator.run();
    EXPECT_EQ(responder.most_open(), 1u);
  });
}

TEST_P(SimulatorWithCodec, CountsAFrameOnceHoweverOftenItIsAcknowledged) {
  run_in_hub([] {
    Responder responder(GetParam(), [](std::size_t) { return 2; });
    SimulatorOptions options = options_for(responder, GetParam());
    options.resend = {.first = 60s, .longest = 60s};
    Simulator simulator(options);
    simulator.run();
    EXPECT_EQ(simulator.tally().acked, 100u);
    // The second answers of the last frames may still be on their way.
    EXPECT_GE(simulator.tally().duplicate_acks, 100u - options.devices);
    EXPECT_EQ(simulator.tally().resent, 0u);
    expect_identities(simulator.tally());
  });
}

TEST_P(SimulatorWithCodec, HandsOverEachAcknowledgedFrameOnce) {
  run_in_hub([] {
    Responder responder(GetParam(), [](std::size_t) { return 2; });
    std::multiset<Responder::Frame> acked;
    Simulator simulator(options_for(responder, GetParam()),
                        [&](ingest::Bytes frame) { acked.emplace(frame.begin(), frame.end()); });
    simulator.run();
    std::multiset<Responder::Frame> received;
    for (const auto& [frame, times] : responder.frames())
      received.insert(frame);
    EXPECT_EQ(acked, received);
  });
}

TEST_P(SimulatorWithCodec, GivesUpWhenNobodyAnswers) {
  run_in_hub([] {
    Responder responder(GetParam(), never);
    SimulatorOptions options = options_for(responder, GetParam());
    options.wait_acks = 50ms;
    Simulator simulator(options);
    simulator.run();
    EXPECT_EQ(simulator.tally().sent, 7u) << "each device keeps to its window of 1";
    EXPECT_EQ(simulator.tally().unacked, 7u);
    EXPECT_GT(simulator.tally().resent, 0u);
    expect_identities(simulator.tally());
  });
}

TEST_P(SimulatorWithCodec, SendsEachFrameOnceWithoutAcknowledgements) {
  run_in_hub([] {
    Responder responder(GetParam(), once);
    SimulatorOptions options = options_for(responder, GetParam());
    options.acks = false;
    Simulator simulator(options);
    simulator.run();
    EXPECT_EQ(simulator.tally().sent, 100u);
    EXPECT_EQ(simulator.tally().datagrams, 100u + simulator.tally().keep_alives);
    EXPECT_EQ(simulator.tally().acked, 0u);
    EXPECT_EQ(simulator.tally().unacked, 0u);
    EXPECT_EQ(simulator.tally().resent, 0u);
  });
}

INSTANTIATE_TEST_SUITE_P(Codecs, SimulatorWithCodec, testing::Values("native", "semtech", "teltonika"),
                         [](const auto& parameter) { return std::string(parameter.param); });

TEST(Simulator, CountsRefusedFramesAmongTheAcknowledgedOnes) {
  run_in_hub([] {
    Responder responder("native", once, ingest::AckStatus::kRefused);
    Simulator simulator(options_for(responder));
    simulator.run();
    EXPECT_EQ(simulator.tally().acked, 100u);
    EXPECT_EQ(simulator.tally().refused, 100u);
  });
}

TEST(Simulator, DoesNotEndWithTheCollector) {
  run_in_hub([] {
    Responder responder("native", once);
    responder.close();
    SimulatorOptions options;
    options.target = *greenrt::SocketAddress::parse("127.0.0.1", 9);
    options.frames = 3;
    options.wait_acks = 50ms;
    Simulator simulator(options);
    simulator.run();
    EXPECT_EQ(simulator.tally().unacked, 3u);
  });
}

TEST(Simulator, CollectorThatLosesDatagramsGetsThemAllInTheEnd) {
  run_in_hub([] {
    std::size_t seen = 0;
    Responder responder("native", [&](std::size_t) { return ++seen % 3 == 0 ? 1 : 0; });
    SimulatorOptions options = options_for(responder);
    options.window = 4;
    Simulator simulator(options);
    simulator.run();
    EXPECT_EQ(simulator.tally().acked, 100u);
    expect_identities(simulator.tally());
  });
}

TEST(Simulator, FirstStopEndsTheMakingOfFramesAndStillWaitsForAcknowledgements) {
  run_in_hub([] {
    Simulator* running = nullptr;
    std::size_t seen = 0;
    Responder responder("native", [&](std::size_t times) {
      if (++seen == 50) running->stop();
      return times < 2 ? 0 : 1;
    });
    SimulatorOptions options = options_for(responder);
    options.frames = 1'000'000;
    Simulator simulator(options);
    running = &simulator;
    simulator.run();
    EXPECT_LT(simulator.tally().sent, 1'000'000u);
    EXPECT_EQ(simulator.tally().unacked, 0u);
    expect_identities(simulator.tally());
  });
}

TEST(Simulator, SecondStopEndsTheWaiting) {
  run_in_hub([] {
    Simulator* running = nullptr;
    Responder responder("native", [&](std::size_t) {
      running->stop();
      return 0;
    });
    SimulatorOptions options = options_for(responder);
    options.wait_acks = std::chrono::hours(1);
    Simulator simulator(options);
    running = &simulator;
    simulator.run();
    EXPECT_GT(simulator.tally().unacked, 0u);
    expect_identities(simulator.tally());
  });
}

TEST(Simulator, StopsMakingFramesWhenItsTimeIsOver) {
  run_in_hub([] {
    Responder responder("native", once);
    SimulatorOptions options = options_for(responder);
    options.frames.reset();
    options.duration = 50ms;
    Simulator simulator(options);
    simulator.run();
    EXPECT_GT(simulator.tally().sent, 0u);
    EXPECT_EQ(simulator.tally().unacked, 0u);
    EXPECT_GE(simulator.elapsed(), 50ms);
  });
}

TEST(Simulator, KeepsToItsRate) {
  run_in_hub([] {
    Responder responder("native", once);
    SimulatorOptions options = options_for(responder);
    options.frames.reset();
    options.rate = 100;
    options.duration = 100ms;
    Simulator simulator(options);
    simulator.run();
    // One at once and then what the passed time allows, however slow the machine.
    const double seconds = std::chrono::duration<double>(simulator.elapsed()).count();
    EXPECT_LE(simulator.tally().sent, 1 + static_cast<std::uint64_t>(seconds * options.rate));
    EXPECT_GE(simulator.tally().sent, 1u);
  });
}

TEST(Simulator, UsesOneSourceAddressFor64Devices) {
  run_in_hub([] {
    Responder responder("native", once);
    SimulatorOptions options = options_for(responder);
    options.devices = 130;
    options.frames = 130;
    Simulator simulator(options);
    simulator.run();
    EXPECT_EQ(responder.serials().size(), 130u);
    EXPECT_EQ(responder.sources().size(), 3u);
  });
}

TEST(Simulator, ServesManyDevicesOnEverySocket) {
  run_in_hub([] {
    Responder responder("teltonika", once);
    SimulatorOptions options = options_for(responder, "teltonika");
    options.devices = 4500;
    options.frames = 9000;
    options.window = 2;
    options.resend = {.first = 100ms};
    Simulator simulator(options);
    simulator.run();
    EXPECT_EQ(responder.serials().size(), 4500u);
    EXPECT_EQ(responder.sources().size(), 64u);
    EXPECT_EQ(simulator.tally().acked, 9000u);
    EXPECT_EQ(simulator.tally().unexpected, 0u);
  });
}

TEST(Simulator, DevicesAnswerDownlinkFrames) {
  for (const std::string codec : {"native", "teltonika"}) {
    SCOPED_TRACE(codec);
    run_in_hub([&] {
      Responder* responding = nullptr;
      std::size_t seen = 0;
      const std::string serial = make_protocol(codec, {})->serial(0);
      Responder responder(codec, [&](std::size_t) {
        if (++seen == 10) responding->send_downlink(serial, 77, ingest::as_bytes("reboot"));
        if (seen == 11) responding->send_noise();
        return 1;
      });
      responding = &responder;
      SimulatorOptions options = options_for(responder, codec);
      options.devices = 1;
      Simulator simulator(options);
      simulator.run();
      EXPECT_EQ(simulator.tally().downlinks, 1u);
      EXPECT_EQ(simulator.tally().unexpected, 1u) << "the noise";
      EXPECT_EQ(simulator.tally().acked, 100u);
      EXPECT_EQ(responder.control(), 1u);
      EXPECT_EQ(responder.rejected(), 0u);
    });
  }
}

TEST(Simulator, RefusesACodecThatNoDeviceSpeaks) {
  run_in_hub([] {
    Responder responder("native", once);
    EXPECT_THROW(Simulator(options_for(responder, "morse")), std::invalid_argument);
  });
}

}  // namespace
}  // namespace hilera::sim
