// Native frames with a tag: proved, answered under the same key, and refused with any bit changed.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ingest/frame_id.h"
#include "ingest/native_codec.h"
#include "ingest/native_frame.h"
#include "ingest/trust.h"
#include "tests/ingest/codec_support.h"

namespace ingest {
namespace {

using testing::from_hex;
using testing::to_hex;

const NativeCodec kCodec;

// The test vector of NATIVE_FRAME.md.
constexpr std::string_view kKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr std::string_view kFrame =
    "4e4601210307534e2d30303031"
    "000000070000002a0000018bcfe5687b0004"
    "00011105"
    "5d955269196364720d2c375bff1593e8";
constexpr std::string_view kAnswer =
    "4e46012a0307534e2d30303031"
    "000000070000002a00000000000000000001"
    "00"
    "f375fb198e775a4352fa77b91c6eed90";

std::shared_ptr<const KeyRing> ring(const std::string& text = "SN-0001 3 " + std::string(kKey)) {
  return KeyRing::parse(text, KeyForm::kDeviceKeys, "keys");
}

Decoded decoded_of(Bytes datagram) {
  Decoded decoded;
  kCodec.decode(datagram, decoded);
  return decoded;
}

std::string verify(Bytes datagram, const KeyRing& keys) {
  return std::string(kCodec.verify(datagram, decoded_of(datagram), keys));
}

std::string answer_to(Bytes datagram, const KeyRing* keys, AuthLevel level) {
  Decoded decoded = decoded_of(datagram);
  decoded.prove(level);
  Ack ack;
  kCodec.make_ack(datagram, decoded, AckStatus::kStored, keys, ack);
  EXPECT_LE(ack.bytes().size(), datagram.size());
  return to_hex(ack.bytes());
}

TEST(NativeAuth, TheVectorOfTheDescriptionIsRight) {
  const auto frame = from_hex(kFrame);
  const Decoded decoded = decoded_of(frame);
  ASSERT_EQ(decoded.verdict, Verdict::kRecords);
  EXPECT_TRUE(decoded.tagged);
  EXPECT_EQ(decoded.key_id, 3);
  EXPECT_EQ(decoded.counter, 0x000000070000002A);
  EXPECT_EQ(decoded.auth_level, AuthLevel::kNone) << "nobody has checked the tag yet";
  EXPECT_EQ(verify(frame, *ring()), "");
  EXPECT_EQ(answer_to(frame, ring().get(), AuthLevel::kMac), kAnswer);
}

TEST(NativeAuth, ABuiltFrameIsTheVector) {
  std::vector<std::byte> frame;
  const auto payload = from_hex("0001 11 05");
  native::build_frame({.flags = native::kAckWanted | native::kTagged,
                       .key_id = 3,
                       .serial = "SN-0001",
                       .epoch = 7,
                       .sequence = 42,
                       .time_ms = 1'700'000'000'123,
                       .payload = payload},
                      frame);
  native::append_tag(frame, *DeviceKey::from_hex(kKey));
  EXPECT_EQ(to_hex(frame), kFrame);
}

TEST(NativeAuth, ItsNumberIdentifiesARecordOnlyOnceItIsProved) {
  const auto frame = from_hex(kFrame);
  Decoded decoded = decoded_of(frame);
  identify(decoded.records);
  EXPECT_EQ(decoded.records[0].frame_id >> 20, 1'700'000'000'123u);
  decoded.prove(AuthLevel::kMac);
  EXPECT_EQ(decoded.auth_level, AuthLevel::kMac);
  EXPECT_EQ(decoded.records[0].frame_id, 0x000000070000002Au);
}

TEST(NativeAuth, NoBitCanBeChanged) {
  const auto keys = ring("* 3 " + std::string(kKey) + "\nSN-0001 3 " + std::string(kKey));
  auto frame = from_hex(kFrame);
  ASSERT_EQ(verify(frame, *keys), "");
  for (std::size_t bit = 0; bit < 8 * frame.size(); ++bit) {
    frame[bit / 8] ^= std::byte{1} << bit % 8;
    const Decoded decoded = decoded_of(frame);
    const bool proved = decoded.tagged && kCodec.verify(frame, decoded, *keys).empty();
    EXPECT_FALSE(decoded.verdict != Verdict::kRejected && (proved || !decoded.tagged)) << "bit " << bit;
    frame[bit / 8] ^= std::byte{1} << bit % 8;
  }
}

TEST(NativeAuth, AnotherKeyIsTheWrongOne) {
  const auto frame = from_hex(kFrame);
  EXPECT_EQ(verify(frame, *ring("SN-0001 3 " + std::string(64, 'a'))), refusal::kBadTag);
  EXPECT_EQ(verify(frame, *ring("SN-0001 2 " + std::string(kKey))), refusal::kUnknownKey);
  EXPECT_EQ(verify(frame, *ring("SN-0002 3 " + std::string(kKey))), refusal::kUnknownKey);
  EXPECT_EQ(verify(frame, *ring("* 3 " + std::string(kKey))), refusal::kBadTag) << "the master key is nobody's own";
  EXPECT_EQ(verify(frame, *ring("")), refusal::kUnknownKey);
}

TEST(NativeAuth, TheAnswerHasATagAsLongAsTheFrameProvedSomething) {
  const auto frame = from_hex(kFrame);
  EXPECT_EQ(answer_to(frame, nullptr, AuthLevel::kMac), "") << "none that the device could not believe";
  EXPECT_EQ(answer_to(frame, ring("").get(), AuthLevel::kMac), "");
}

TEST(NativeAuth, ADownlinkIsTaggedAndTheSameEachTime) {
  const DownlinkKey key{.id = 3, .key = *DeviceKey::from_hex(kKey)};
  const auto once = kCodec.encode_downlink("SN-0001", 0x0000000100000002, from_hex("0001 11 05"), &key);
  const auto again = kCodec.encode_downlink("SN-0001", 0x0000000100000002, from_hex("0001 11 05"), &key);
  ASSERT_TRUE(once);
  EXPECT_EQ(*once, *again);
  native::Frame frame;
  ASSERT_EQ(native::parse_frame(*once, frame), "");
  EXPECT_EQ(frame.flags, native::kDownlink | native::kAckWanted | native::kTagged);
  EXPECT_EQ(frame.key_id, 3);
  EXPECT_TRUE(native::tag_is_right(frame.signed_part, frame.tag, key.key));
}

TEST(NativeAuth, ADownlinkWithItsTagStillFitsADatagram) {
  const DownlinkKey key{.id = 3, .key = *DeviceKey::from_hex(kKey)};
  const std::size_t room = native::kMaxDatagramSize - native::kHeadSize - 7 - native::kBodySize - native::kTagSize - 5;
  const auto fits = kCodec.encode_downlink("SN-0001", 1, as_bytes(std::string(room, 'x')), &key);
  ASSERT_TRUE(fits);
  EXPECT_EQ(fits->size(), native::kMaxDatagramSize);
  EXPECT_FALSE(kCodec.encode_downlink("SN-0001", 1, as_bytes(std::string(room + 1, 'x')), &key));
}

// --- answers to downlinks ------------------------------------------------------------------------------------------

std::vector<std::byte> device_answer(std::uint8_t flags, std::uint8_t status) {
  std::vector<std::byte> frame;
  const std::array payload{static_cast<std::byte>(status)};
  native::build_frame({.flags = static_cast<std::uint8_t>(flags | native::kTagged),
                       .key_id = 3,
                       .serial = "SN-0001",
                       .epoch = 1,
                       .sequence = 2,
                       .payload = payload},
                      frame);
  native::append_tag(frame, *DeviceKey::from_hex(kKey));
  return frame;
}

TEST(NativeAuth, SaysWhatADeviceAnswersToADownlink) {
  using Outcome = DownlinkAnswer::Outcome;
  const auto outcome = [](const std::vector<std::byte>& frame) { return decoded_of(frame).answer.value().outcome; };
  const auto stored = device_answer(native::kAnswerAck, 0);
  const Decoded decoded = decoded_of(stored);
  EXPECT_EQ(decoded.verdict, Verdict::kControl);
  EXPECT_EQ(decoded.answer.value().id, 0x0000000100000002u);
  EXPECT_EQ(decoded.answer.value().id_bits, ~std::uint64_t{0});
  EXPECT_EQ(outcome(stored), Outcome::kDelivered);
  EXPECT_EQ(outcome(device_answer(native::kAnswerAck, 1)), Outcome::kDelivered);
  EXPECT_EQ(outcome(device_answer(native::kAnswerAck, 2)), Outcome::kFailed);
  EXPECT_EQ(outcome(device_answer(native::kAnswerNack, 0)), Outcome::kNotNow);
  EXPECT_EQ(verify(stored, *ring()), "");
  EXPECT_FALSE(decoded.updates_path) << "its number is the row's, so an old one could draw downlinks elsewhere";
}

TEST(NativeAuth, OnlyDataHasANumberOfItsOwn) {
  EXPECT_EQ(decoded_of(device_answer(native::kAnswerAck, 0)).counter, 0u);
  EXPECT_FALSE(decoded_of(from_hex(kFrame)).answer);
}

}  // namespace
}  // namespace ingest
