#include "daemon/sim/protocol.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "daemon/sim/socket_plan.h"
#include "ingest/codec.h"
#include "ingest/native_frame.h"
#include "ingest/semtech_frame.h"
#include "ingest/teltonika_frame.h"

namespace hilera::sim {
namespace {

constexpr WallTime kToday{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};
constexpr std::size_t kDevices = 200;

class EveryProtocol : public testing::TestWithParam<const char*> {
 protected:
  Device device(std::size_t index) {
    return {.index = index, .serial = protocol_->serial(index), .telemetry = Telemetry(index)};
  }

  // The next frame of the device, taken apart; `frame_` has its bytes.
  ingest::Decoded make(Device& device, WallTime now = kToday, bool ack_wanted = true) {
    records_ = protocol_->make_frame(device, now, ack_wanted, frame_);
    ++device.made;
    ingest::Decoded decoded;
    codec_.decode(frame_, decoded);
    EXPECT_EQ(decoded.verdict, ingest::Verdict::kRecords) << decoded.reason;
    return decoded;
  }

  ingest::Ack answer(const ingest::Decoded& decoded, ingest::AckStatus status = ingest::AckStatus::kStored) {
    ingest::Ack ack;
    codec_.make_ack(frame_, decoded, status, nullptr, ack);
    return ack;
  }

  const ingest::Codec& codec_ = *ingest::find_codec(GetParam());
  std::unique_ptr<Protocol> protocol_ = make_protocol(GetParam(), {.devices = kDevices, .epoch = 1'700'000'000});
  SocketPlan plan_{kDevices};
  std::vector<std::byte> frame_;
  std::size_t records_ = 0;
};

TEST_P(EveryProtocol, HasTheNameOfItsCodec) {
  EXPECT_EQ(protocol_->codec(), codec_.name());
}

TEST_P(EveryProtocol, GivesEachDeviceASerialOfItsOwn) {
  std::set<std::string> serials;
  for (std::size_t i = 0; i < 1000; ++i)
    serials.insert(protocol_->serial(i));
  serials.insert(protocol_->serial(kMaxDevices - 1));
  EXPECT_EQ(serials.size(), 1001u);
}

TEST_P(EveryProtocol, FramesAreWhatTheCodecTakes) {
  for (std::size_t i : {std::size_t{0}, std::size_t{3}, kDevices - 1}) {
    Device sender = device(i);
    for (int n = 0; n < 200; ++n) {
      const auto decoded = make(sender);
      EXPECT_EQ(decoded.nserie, sender.serial);
      EXPECT_EQ(decoded.records.size(), records_);
      EXPECT_TRUE(decoded.ack_wanted);
      EXPECT_LE(frame_.size(), codec_.max_datagram_size());
    }
  }
}

TEST_P(EveryProtocol, NoTwoRecordsOfADeviceShareATime) {
  Device sender = device(0);
  std::int64_t last = 0;
  for (int n = 0; n < 200; ++n) {
    // The clock stands still, and once even goes back.
    for (const auto& record : make(sender, n == 100 ? kToday - std::chrono::hours(1) : kToday).records) {
      ASSERT_TRUE(record.device_time);
      EXPECT_GT(*record.device_time, last);
      last = *record.device_time;
    }
  }
}

TEST_P(EveryProtocol, KeepsToTheClockWhenItCan) {
  Device sender = device(0);
  make(sender);
  const auto later = kToday + std::chrono::seconds(10);
  EXPECT_EQ(make(sender, later).records.front().device_time, later.time_since_epoch().count());
}

TEST_P(EveryProtocol, RecognisesTheAnswersToItsFrames) {
  for (std::size_t i = 0; i < kDevices; ++i) {
    Device sender = device(i);
    for (std::uint64_t number = 0; number < 5; ++number) {
      const auto decoded = make(sender);
      const auto read = protocol_->read_answer(answer(decoded).bytes(), plan_.socket_of(i));
      ASSERT_TRUE(read);
      EXPECT_EQ(read->device, i);
      EXPECT_EQ(read->number, number);
      EXPECT_EQ(read->records.value_or(records_), records_);
      EXPECT_FALSE(read->refused);
    }
  }
}

TEST_P(EveryProtocol, RecognisesAnswersAfterVeryManyFrames) {
  Device sender = device(kDevices - 1);
  sender.made = 5'000'000'123;
  const auto decoded = make(sender);
  const auto read = protocol_->read_answer(answer(decoded).bytes(), plan_.socket_of(sender.index));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->device, sender.index);
  EXPECT_EQ(read->number, read->modulus == 0 ? 5'000'000'123 : 5'000'000'123 % read->modulus);
}

TEST_P(EveryProtocol, TakesNothingElseForAnAnswer) {
  Device sender = device(0);
  const auto decoded = make(sender);
  EXPECT_FALSE(protocol_->read_answer(frame_, 0)) << "a frame sent back";
  EXPECT_FALSE(protocol_->read_answer({}, 0));
  const auto ack = answer(decoded);
  for (std::size_t size = 0; size < ack.bytes().size(); ++size)
    EXPECT_FALSE(protocol_->read_answer(ack.bytes().first(size), 0)) << size;
}

using ProtocolWithDownlinks = EveryProtocol;

TEST_P(ProtocolWithDownlinks, AnswersDownlinkFramesAndNothingElse) {
  Device sender = device(0);
  std::vector<std::byte> reply;
  const auto downlink = codec_.encode_downlink(sender.serial, 5, ingest::as_bytes("reboot"), nullptr);
  ASSERT_TRUE(downlink);
  ASSERT_TRUE(protocol_->answer_downlink(*downlink, reply));
  ingest::Decoded decoded;
  codec_.decode(reply, decoded);
  EXPECT_EQ(decoded.verdict, ingest::Verdict::kControl) << decoded.reason;

  EXPECT_FALSE(protocol_->answer_downlink(reply, reply)) << "an answer to an answer would never end";
  const auto data = make(sender);
  EXPECT_FALSE(protocol_->answer_downlink(frame_, reply));
  EXPECT_FALSE(protocol_->answer_downlink(answer(data).bytes(), reply));
}

INSTANTIATE_TEST_SUITE_P(Codecs, EveryProtocol, testing::Values("native", "semtech", "teltonika"),
                         [](const auto& parameter) { return std::string(parameter.param); });
INSTANTIATE_TEST_SUITE_P(Codecs, ProtocolWithDownlinks, testing::Values("native", "teltonika"),
                         [](const auto& parameter) { return std::string(parameter.param); });

TEST(Protocols, AreMadeForTheirCodecsOnly) {
  EXPECT_EQ(make_protocol("morse", {}), nullptr);
}

TEST(SemtechGateways, AreOfTheRangeThatNobodyGivesOut) {
  EXPECT_EQ(make_protocol("semtech", {})->serial(0), "0200000000000001");
}

TEST(SemtechGateways, HaveNoMoreFramesOpenThanTheirAnswersTellApart) {
  constexpr std::size_t kAll = std::size_t{1} << 16;
  EXPECT_NO_THROW(make_protocol("semtech", {.devices = 64, .window = kAll / 64}));
  EXPECT_THROW(make_protocol("semtech", {.devices = 64, .window = kAll / 64 + 1}), std::invalid_argument);
  EXPECT_NO_THROW(make_protocol("semtech", {.devices = kMaxDevices, .window = 1}));
}

TEST(SemtechGateways, SendPacketsThatALogicalServerWouldTake) {
  const auto protocol = make_protocol("semtech", {});
  Device gateway{.serial = protocol->serial(0), .telemetry = Telemetry(1)};
  std::vector<std::byte> frame;
  protocol->make_frame(gateway, kToday + std::chrono::milliseconds(1234), true, frame);
  const ingest::Codec& codec = *ingest::find_codec("semtech");
  ingest::Decoded decoded;
  codec.decode(frame, decoded);
  ASSERT_FALSE(decoded.records.empty());
  std::string fields;
  codec.append_fields(frame, decoded.records.front(), fields);
  const auto packet = nlohmann::json::parse(fields).at("values");
  EXPECT_EQ(packet.at("time"), "2026-01-01T00:00:01.234000Z");
  EXPECT_EQ(packet.at("size"), 23);
  EXPECT_EQ(packet.at("data").get<std::string>().size(), 32u);
  EXPECT_EQ(packet.at("modu"), "LORA");
}

TEST(SemtechGateways, AskForWhatIsForThemEveryTenSeconds) {
  const auto protocol = make_protocol("semtech", {.devices = 2});
  const Device first{.index = 0, .serial = protocol->serial(0), .telemetry = Telemetry(1), .made = 7};
  const Device second{.index = 1, .serial = protocol->serial(1), .telemetry = Telemetry(2)};
  std::vector<std::byte> pull;
  ASSERT_TRUE(protocol->keep_alive(first, kToday, pull));
  ingest::semtech::Frame frame;
  ASSERT_EQ(ingest::semtech::parse_frame(pull, frame), "");
  EXPECT_EQ(frame.type, ingest::semtech::Type::kPullData);
  std::string serial;
  ingest::semtech::append_eui(frame.eui, serial);
  EXPECT_EQ(serial, first.serial);

  EXPECT_FALSE(protocol->keep_alive(first, kToday + std::chrono::milliseconds(9'999), pull));
  EXPECT_TRUE(protocol->keep_alive(second, kToday + std::chrono::milliseconds(9'999), pull)) << "each at its own time";
  EXPECT_TRUE(protocol->keep_alive(first, kToday + std::chrono::seconds(10), pull));
}

TEST(SemtechGateways, TellAnswersToThatFromOthers) {
  const auto protocol = make_protocol("semtech", {});
  std::vector<std::byte> answer;
  ingest::semtech::build_answer({.token = 7, .type = ingest::semtech::Type::kPullAck, .body = {}}, answer);
  EXPECT_TRUE(protocol->answers_keep_alive(answer));
  EXPECT_FALSE(protocol->read_answer(answer, 0));
  ingest::semtech::build_answer({.token = 7, .type = ingest::semtech::Type::kPushAck, .body = {}}, answer);
  EXPECT_FALSE(protocol->answers_keep_alive(answer));
}

class NativeAnswers : public testing::Test {
 protected:
  std::optional<Answer> read(const ingest::native::Frame& frame) {
    std::vector<std::byte> bytes;
    ingest::native::build_frame(frame, bytes);
    return protocol_->read_answer(bytes, 0);
  }

  static constexpr std::array<std::byte, 1> kStored = {std::byte{0}};
  static constexpr std::array<std::byte, 1> kRefused = {std::byte{2}};
  static constexpr std::uint8_t kFlags = ingest::native::kAnswerAck | ingest::native::kDownlink;
  std::unique_ptr<Protocol> protocol_ = make_protocol("native", {.devices = 1, .epoch = 100});
};

TEST_F(NativeAnswers, TellARefusal) {
  const auto answer = read({.flags = kFlags, .serial = "sim-000001", .epoch = 100, .sequence = 1, .payload = kRefused});
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->refused);
}

TEST_F(NativeAnswers, OfAnEarlierStartAreNoAnswers) {
  EXPECT_FALSE(read({.flags = kFlags, .serial = "sim-000001", .epoch = 99, .sequence = 1, .payload = kStored}));
}

TEST_F(NativeAnswers, ThatAskForALaterTryAreNoAnswers) {
  EXPECT_FALSE(read({.flags = ingest::native::kAnswerNack | ingest::native::kDownlink,
                     .serial = "sim-000001",
                     .epoch = 100,
                     .sequence = 1,
                     .payload = kStored}));
}

TEST_F(NativeAnswers, ToStrangersAreNoAnswers) {
  for (const std::string_view serial : {"SN-0001", "sim-00000x", "sim-000000", "sim-1", "sim--00001"}) {
    EXPECT_FALSE(read({.flags = kFlags, .serial = serial, .epoch = 100, .sequence = 1, .payload = kStored})) << serial;
  }
}

TEST(NativeFrames, AskForAnAnswerOnlyWhenOneIsWanted) {
  const auto protocol = make_protocol("native", {});
  Device sender{.serial = protocol->serial(0), .telemetry = Telemetry(1)};
  std::vector<std::byte> bytes;
  ingest::Decoded decoded;
  protocol->make_frame(sender, kToday, false, bytes);
  ingest::find_codec("native")->decode(bytes, decoded);
  EXPECT_FALSE(decoded.ack_wanted);
}

TEST(TeltonikaFrames, HaveImeisWithARightCheckDigit) {
  const auto protocol = make_protocol("teltonika", {});
  for (std::size_t i = 0; i < 100; ++i) {
    const std::string imei = protocol->serial(i);
    ASSERT_TRUE(ingest::teltonika::is_imei(imei)) << imei;
    int sum = 0;
    for (std::size_t place = 0; place < imei.size(); ++place) {
      const int weighed = (imei[place] - '0') * (place % 2 == 1 ? 2 : 1);
      sum += weighed / 10 + weighed % 10;
    }
    EXPECT_EQ(sum % 10, 0) << imei;
  }
}

TEST(TeltonikaFrames, AreOfTwoCodecsAndNowAndThenHaveSeveralRecords) {
  const auto protocol = make_protocol("teltonika", {.devices = 4});
  std::map<std::byte, int> codecs;
  std::map<std::size_t, int> counts;
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < 4; ++i) {
    Device sender{.index = i, .serial = protocol->serial(i), .telemetry = Telemetry(i)};
    for (; sender.made < 200; ++sender.made) {
      ++counts[protocol->make_frame(sender, kToday, true, bytes)];
      ++codecs[bytes[ingest::teltonika::kHeaderSize]];
    }
  }
  EXPECT_EQ(codecs[std::byte{0x08}], 600);
  EXPECT_EQ(codecs[std::byte{0x8E}], 200);
  EXPECT_EQ(counts.size(), 4u);
  EXPECT_GT(counts[1], 600);
}

}  // namespace
}  // namespace hilera::sim
