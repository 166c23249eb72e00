#include "daemon/sim/fleet.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace hilera::sim {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kToday{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};

// A protocol whose frames are their numbers, so that a test can say which is which.
class Numbers final : public Protocol {
 public:
  std::string_view codec() const override { return "numbers"; }
  std::string serial(std::size_t device) const override { return std::to_string(device); }
  std::size_t make_frame(Device& device, WallTime, bool, std::vector<std::byte>& out) override {
    out.assign(1, static_cast<std::byte>(device.made));
    return 1;
  }
  std::optional<Answer> read_answer(ingest::Bytes, std::size_t) const override { return std::nullopt; }
  bool answer_downlink(ingest::Bytes, std::vector<std::byte>&) const override { return false; }
};

// Times are what has passed since the start.
class FleetTest : public testing::Test {
 protected:
  Fleet& start(const FleetOptions& options) {
    fleet_.emplace(protocol_, options, tally_);
    return *fleet_;
  }

  // Makes frames until nobody has room; "device/number".
  std::vector<std::string> make_all(greenrt::Duration at = 0s) {
    std::vector<std::string> made;
    while (const auto frame = fleet_->make_frame(begin_ + at, kToday))
      made.push_back(text_of(*frame));
    return made;
  }

  std::vector<std::string> resend_all(greenrt::Duration at) {
    std::vector<std::string> sent;
    while (const auto frame = fleet_->resend(begin_ + at))
      sent.push_back(text_of(*frame));
    return sent;
  }

  bool ack(std::size_t device, std::uint64_t number, greenrt::Duration at = 1ms) {
    return fleet_->acknowledge({.device = device, .number = number}, begin_ + at).has_value();
  }

  static std::string text_of(const Transmission& frame) {
    return std::to_string(frame.device) + "/" + std::to_string(std::to_integer<int>(frame.bytes[0]));
  }

  using Frames = std::vector<std::string>;

  Numbers protocol_;
  Tally tally_;
  const Fleet::TimePoint begin_ = greenrt::Clock::now();
  std::optional<Fleet> fleet_;
};

TEST_F(FleetTest, DevicesTakeTurnsUntilTheirWindowsAreFull) {
  start({.devices = 3, .window = 2});
  EXPECT_EQ(make_all(), (Frames{"0/0", "1/0", "2/0", "0/1", "1/1", "2/1"}));
  EXPECT_FALSE(fleet_->has_room());
  EXPECT_EQ(tally_.sent, 6u);
  EXPECT_EQ(tally_.unacked, 6u);
}

TEST_F(FleetTest, AnAcknowledgementMakesRoomForOneFrame) {
  start({.devices = 2});
  make_all();
  EXPECT_TRUE(ack(1, 0));
  EXPECT_EQ(make_all(), (Frames{"1/1"}));
  EXPECT_EQ(tally_.acked, 1u);
  EXPECT_EQ(tally_.unacked, 2u);
}

TEST_F(FleetTest, TheWindowMovesWithItsOldestFrame) {
  start({.devices = 1, .window = 2});
  make_all();
  EXPECT_TRUE(ack(0, 1));
  EXPECT_EQ(make_all(), Frames{}) << "frame 2 must wait for frame 0";
  EXPECT_TRUE(ack(0, 0));
  EXPECT_EQ(make_all(), (Frames{"0/2", "0/3"}));
}

TEST_F(FleetTest, HandsBackTheBytesOfTheAcknowledgedFrame) {
  start({.devices = 1, .window = 3});
  make_all();
  const auto bytes = fleet_->acknowledge({.device = 0, .number = 2}, begin_);
  ASSERT_TRUE(bytes);
  EXPECT_EQ((*bytes)[0], std::byte{2});
}

TEST_F(FleetTest, ASecondAcknowledgementIsADuplicate) {
  start({.devices = 1});
  make_all();
  EXPECT_TRUE(ack(0, 0));
  EXPECT_FALSE(ack(0, 0));
  make_all();
  EXPECT_FALSE(ack(0, 0)) << "its slot has another frame by now";
  EXPECT_EQ(tally_.duplicate_acks, 2u);
  EXPECT_EQ(tally_.acked, 1u);
  EXPECT_EQ(tally_.unexpected, 0u);
}

TEST_F(FleetTest, WhatWasNeverSentCannotBeAcknowledged) {
  start({.devices = 1});
  EXPECT_FALSE(ack(0, 0)) << "nothing was sent yet";
  make_all();
  EXPECT_FALSE(ack(0, 1));
  EXPECT_FALSE(ack(1, 0)) << "no such device";
  EXPECT_EQ(tally_.unexpected, 3u);
  EXPECT_EQ(tally_.unacked, 1u);
}

TEST_F(FleetTest, AnAnswerMayRepeatOnlyTheLowPartOfTheNumber) {
  start({.devices = 1, .window = 2});
  for (std::uint64_t number = 0; number < 20; ++number) {
    make_all();
    const Answer answer{.device = 0, .number = number % 8, .modulus = 8};
    const auto bytes = fleet_->acknowledge(answer, begin_);
    ASSERT_TRUE(bytes) << number;
    EXPECT_EQ(std::to_integer<std::uint64_t>((*bytes)[0]), number);
  }
  EXPECT_FALSE(fleet_->acknowledge({.device = 0, .number = 19 % 8, .modulus = 8}, begin_));
  EXPECT_EQ(tally_.duplicate_acks, 1u);
}

TEST_F(FleetTest, AnAnswerThatTookFewerRecordsIsNoAcknowledgement) {
  start({.devices = 1});
  make_all();
  EXPECT_FALSE(fleet_->acknowledge({.device = 0, .number = 0, .records = 0}, begin_));
  EXPECT_EQ(tally_.unexpected, 1u);
  EXPECT_TRUE(fleet_->acknowledge({.device = 0, .number = 0, .records = 1}, begin_));
}

TEST_F(FleetTest, ResendsAfterAWaitThatDoublesUpToALimit) {
  start({.devices = 1, .resend = {.first = 100ms, .longest = 400ms, .jitter = 0}});
  make_all();
  for (const greenrt::Duration due : {100ms, 300ms, 700ms, 1100ms, 1500ms}) {
    EXPECT_EQ(fleet_->next_resend(), begin_ + due);
    EXPECT_EQ(resend_all(due - 1ms), Frames{});
    EXPECT_EQ(resend_all(due), (Frames{"0/0"}));
  }
  EXPECT_EQ(tally_.resent, 5u);
  EXPECT_EQ(tally_.sent, 1u);
}

TEST_F(FleetTest, JitterMakesWaitsLongerNeverShorter) {
  start({.devices = 50, .resend = {.first = 100ms, .jitter = 0.5}});
  make_all();
  EXPECT_EQ(resend_all(100ms - 1ns), Frames{});
  const auto early = resend_all(125ms).size();
  EXPECT_GT(early, 0u);
  EXPECT_LT(early, 50u);
  EXPECT_EQ(early + resend_all(150ms).size(), 50u);
}

TEST_F(FleetTest, WhatIsAcknowledgedIsNotSentAgain) {
  start({.devices = 2, .resend = {.first = 100ms, .jitter = 0}});
  make_all();
  ack(0, 0);
  EXPECT_EQ(resend_all(100ms), (Frames{"1/0"}));
}

TEST_F(FleetTest, ANewFrameInAnOldSlotHasItsOwnTime) {
  start({.devices = 1, .resend = {.first = 100ms, .jitter = 0}});
  make_all();
  ack(0, 0);
  make_all(60ms);
  EXPECT_EQ(resend_all(100ms), Frames{}) << "that was the time of the frame before";
  EXPECT_EQ(resend_all(160ms), (Frames{"0/1"}));
}

TEST_F(FleetTest, ANewFrameDoesNotInheritTheLongWaitOfItsPredecessor) {
  start({.devices = 1, .resend = {.first = 100ms, .longest = 10s, .jitter = 0}});
  make_all();
  for (const greenrt::Duration due : {100ms, 300ms, 700ms})
    EXPECT_EQ(resend_all(due).size(), 1u);
  ack(0, 0, 710ms);
  make_all(720ms);
  EXPECT_EQ(resend_all(820ms), (Frames{"0/1"}));
  EXPECT_EQ(resend_all(1500ms), (Frames{"0/1"})) << "due at 1020 ms, not again at 1500 ms";
}

TEST_F(FleetTest, MeasuresLatencyFromTheFirstTransmission) {
  start({.devices = 1, .resend = {.first = 100ms, .jitter = 0}});
  make_all();
  resend_all(100ms);
  ack(0, 0, 150ms);
  ASSERT_TRUE(tally_.ack_latency.quantile(0.5));
  EXPECT_GE(*tally_.ack_latency.quantile(0.5), 150ms);
}

TEST_F(FleetTest, WithoutAcknowledgementsNobodyWaits) {
  start({.devices = 2, .acks = false});
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(fleet_->make_frame(begin_, kToday));
  EXPECT_TRUE(fleet_->has_room());
  EXPECT_EQ(tally_.unacked, 0u);
  EXPECT_FALSE(fleet_->next_resend());
  EXPECT_FALSE(ack(0, 0)) << "nobody asked";
  EXPECT_EQ(tally_.unexpected, 1u);
}

std::vector<std::byte> bytes_of_run(std::string_view codec, std::uint64_t seed) {
  const auto protocol = make_protocol(codec, {.devices = 5, .epoch = 9});
  Tally tally;
  Fleet fleet(*protocol, {.devices = 5, .window = 100, .seed = seed}, tally);
  std::vector<std::byte> all;
  for (int i = 0; i < 500; ++i) {
    const auto frame = fleet.make_frame(greenrt::Clock::now(), kToday + std::chrono::seconds(i));
    all.insert(all.end(), frame->bytes.begin(), frame->bytes.end());
  }
  return all;
}

TEST(FleetOfDevices, SendsWhatTheSeedSays) {
  for (const char* codec : {"native", "semtech", "teltonika"}) {
    SCOPED_TRACE(codec);
    EXPECT_EQ(bytes_of_run(codec, 1), bytes_of_run(codec, 1));
    EXPECT_NE(bytes_of_run(codec, 1), bytes_of_run(codec, 2));
  }
}

}  // namespace
}  // namespace hilera::sim
