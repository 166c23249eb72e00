#include "ingest/native_codec.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "ingest/frame_id.h"
#include "ingest/native_frame.h"
#include "ingest/native_items.h"
#include "tests/ingest/codec_support.h"

namespace ingest {
namespace {

using testing::ack_hex;
using testing::decode;
using testing::fields;
using testing::fields_text;
using testing::from_hex;
using testing::reject_reason;
using testing::to_hex;

const NativeCodec kCodec;

// The example of NATIVE_FRAME.md.
constexpr std::string_view kExample =
    "4e4601010007534e2d30303031"
    "000000070000002a0000018bcfe5687b0017"
    "00013441ac0000"
    "000222fff9"
    "00030101"
    "00094000026f6b";
constexpr std::string_view kExampleAck =
    "4e46010a0007534e2d30303031"
    "000000070000002a00000000000000000001"
    "00";
constexpr std::string_view kExampleFields = R"({"epoch":7,"sequence":42,"values":{"1":21.5,"2":-7,"3":true,"9":"ok"}})";

// A frame that the codec accepts, for tests that then change one thing.
struct Sample {
  std::uint8_t flags = native::kAckWanted;
  std::string_view serial = "SN-0001";
  std::uint32_t epoch = 7;
  std::uint32_t sequence = 42;
  std::uint64_t time_ms = 1'700'000'000'123;
  std::vector<std::byte> payload = from_hex("0001 11 05");

  [[nodiscard]] std::vector<std::byte> bytes() const {
    std::vector<std::byte> out;
    native::build_frame({.flags = flags,
                         .serial = serial,
                         .epoch = epoch,
                         .sequence = sequence,
                         .time_ms = time_ms,
                         .payload = payload},
                        out);
    return out;
  }
};

TEST(NativeCodec, DecodesTheExampleOfItsDescription) {
  const auto datagram = from_hex(kExample);
  const Decoded decoded = decode(kCodec, datagram);
  ASSERT_EQ(decoded.verdict, Verdict::kRecords);
  EXPECT_EQ(decoded.nserie, "SN-0001");
  EXPECT_TRUE(decoded.ack_wanted);
  EXPECT_TRUE(decoded.updates_path);
  EXPECT_EQ(decoded.auth_level, AuthLevel::kNone);
  ASSERT_EQ(decoded.records.size(), 1u);
  const Record& record = decoded.records[0];
  EXPECT_EQ(record.device_time, 1'700'000'000'123);
  EXPECT_EQ(to_hex(record.bytes), std::string(kExample.substr(26))) << "all that follows the serial";
  EXPECT_EQ(record.digest, 10693830448404745289u);
  EXPECT_EQ(record.frame_id, 1782579200129164486u);
  EXPECT_EQ(fields_text(kCodec, datagram), kExampleFields);
  EXPECT_EQ(ack_hex(kCodec, datagram), kExampleAck);
}

TEST(NativeCodec, IsDescribedByThatVeryExample) {
  std::ifstream file(HILERA_SOURCE_DIR "/ingest/NATIVE_FRAME.md");
  std::ostringstream text;
  text << file.rdbuf();
  std::istringstream lines(text.str().substr(text.str().find("## Example")));
  std::string hex_blocks;
  bool in_block = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      in_block = !in_block;
      hex_blocks += '\n';
    } else if (in_block) {
      for (const char c : line.substr(0, line.find("  "))) {
        if (c != ' ') hex_blocks += c;
      }
    }
  }
  EXPECT_NE(hex_blocks.find("\n" + std::string(kExample) + "\n"), std::string::npos) << hex_blocks;
  EXPECT_NE(hex_blocks.find("\n" + std::string(kExampleAck) + "\n"), std::string::npos) << hex_blocks;
  EXPECT_NE(text.str().find(kExampleFields), std::string::npos);
}

TEST(NativeCodec, AnswersOnlyWhoAsks) {
  EXPECT_EQ(ack_hex(kCodec, Sample{.flags = 0}.bytes()), "");
  EXPECT_NE(ack_hex(kCodec, Sample{}.bytes()), "");
}

TEST(NativeCodec, AnswersWithTheStatus) {
  const auto datagram = from_hex(kExample);
  EXPECT_TRUE(ack_hex(kCodec, datagram, AckStatus::kStored).ends_with("000100"));
  EXPECT_TRUE(ack_hex(kCodec, datagram, AckStatus::kDuplicate).ends_with("000101"));
  EXPECT_TRUE(ack_hex(kCodec, datagram, AckStatus::kRefused).ends_with("000102"));
}

TEST(NativeCodec, AnswersWithAFrameThatADeviceCanTakeApart) {
  const auto datagram = Sample{.serial = "an-even-longer-serial.of.32.char", .epoch = 0xFFFFFFFF}.bytes();
  const auto answer = from_hex(ack_hex(kCodec, datagram, AckStatus::kDuplicate));
  native::Frame frame;
  ASSERT_EQ(native::parse_frame(answer, frame), "");
  EXPECT_EQ(frame.flags, native::kAnswerAck | native::kDownlink);
  EXPECT_EQ(frame.serial, "an-even-longer-serial.of.32.char");
  EXPECT_EQ(frame.epoch, 0xFFFFFFFFu);
  EXPECT_EQ(frame.sequence, 42u);
  EXPECT_EQ(frame.time_ms, 0u);
  EXPECT_EQ(to_hex(frame.payload), "01");
}

TEST(NativeCodec, IsNeverLongerInItsAnswerThanTheSmallestFrame) {
  const auto smallest = Sample{.serial = "A", .payload = from_hex("0000 01 00")}.bytes();
  ASSERT_EQ(reject_reason(kCodec, smallest), "");
  EXPECT_LE(ack_hex(kCodec, smallest).size() / 2, smallest.size());
}

TEST(NativeCodec, TakesOneContentForTheSameRecordWhateverItsFlags) {
  const auto first = Sample{.flags = 0}.bytes();
  const auto again = Sample{.flags = native::kAckWanted}.bytes();
  EXPECT_EQ(decode(kCodec, first).records[0].frame_id, decode(kCodec, again).records[0].frame_id);
  EXPECT_EQ(decode(kCodec, first).records[0].digest, decode(kCodec, again).records[0].digest);
}

TEST(NativeCodec, TakesTheSamePayloadInAnotherFrameForAnotherRecord) {
  const auto first = Sample{}.bytes();
  const auto second = Sample{.sequence = 43}.bytes();
  EXPECT_NE(decode(kCodec, first).records[0].frame_id, decode(kCodec, second).records[0].frame_id);
  EXPECT_NE(decode(kCodec, first).records[0].digest, decode(kCodec, second).records[0].digest);
}

TEST(NativeCodec, TakesFramesOfDevicesWithoutAClock) {
  const auto datagram = Sample{.time_ms = 0}.bytes();
  EXPECT_EQ(decode(kCodec, datagram).records[0].device_time, std::nullopt);
  EXPECT_FALSE(fields(kCodec, datagram).contains("time_ms"));
}

TEST(NativeCodec, KeepsATimeThatCannotBeOneInTheFields) {
  const auto datagram = Sample{.time_ms = ~std::uint64_t{0}}.bytes();
  EXPECT_EQ(decode(kCodec, datagram).records[0].device_time, std::nullopt);
  EXPECT_EQ(fields(kCodec, datagram)["time_ms"], ~std::uint64_t{0});
}

TEST(NativeCodec, TakesAnswersOfDevicesAsControl) {
  for (const std::uint8_t kind : {native::kAnswerAck, native::kAnswerNack}) {
    const auto datagram = Sample{.flags = kind, .sequence = 0, .payload = from_hex("00")}.bytes();
    const Decoded decoded = decode(kCodec, datagram);
    EXPECT_EQ(decoded.verdict, Verdict::kControl);
    EXPECT_EQ(decoded.nserie, "SN-0001");
    EXPECT_TRUE(decoded.records.empty());
    EXPECT_EQ(ack_hex(kCodec, datagram), "") << "an answer is not answered";
  }
}

TEST(NativeCodec, RefusesEachFaultWithItsReason) {
  namespace reason = native::reason;
  const auto with_flags = [](int flags) { return Sample{.flags = static_cast<std::uint8_t>(flags)}.bytes(); };
  const auto with_payload = [](std::string_view hex) { return Sample{.payload = from_hex(hex)}.bytes(); };
  const auto answer = [](int flags, std::string_view payload) {
    return Sample{.flags = static_cast<std::uint8_t>(flags), .payload = from_hex(payload)}.bytes();
  };
  const auto changed = [](std::size_t offset, int value) {
    auto bytes = Sample{}.bytes();
    bytes.at(offset) = static_cast<std::byte>(value);
    return bytes;
  };
  auto longer = Sample{}.bytes();
  longer.push_back(std::byte{0});

  const std::vector<std::pair<std::string_view, std::vector<std::byte>>> cases = {
      {reason::kTooShort, {}},
      {reason::kBadMagic, changed(0, 'M')},
      {reason::kUnknownVersion, changed(2, 2)},
      {reason::kUnknownFlags, changed(3, 0x40)},
      {reason::kSerialLength, changed(5, 0)},
      {reason::kSerialCharacters, changed(6, '/')},
      {reason::kLengthMismatch, longer},
      {reason::kEmptyPayload, with_payload("")},
      {reason::kReflected, with_flags(native::kDownlink)},
      {reason::kReflected, answer(native::kDownlink | native::kAnswerAck, "00")},
      {reason::kEncrypted, with_flags(native::kEncrypted)},
      {reason::kFlagCombination, answer(native::kAnswerAck | native::kAnswerNack, "00")},
      {reason::kFlagCombination, answer(native::kAnswerAck | native::kAckWanted, "00")},
      {reason::kBadAnswer, answer(native::kAnswerAck, "")},
      {reason::kBadAnswer, answer(native::kAnswerAck, "03")},
      {reason::kBadAnswer, answer(native::kAnswerNack, "0000")},
      {reason::kSequenceZero, Sample{.sequence = 0}.bytes()},
      {reason::kItemTruncated, with_payload("0001 14 00")},
      {reason::kItemType, with_payload("0001 99 00")},
      {reason::kItemOrder, with_payload("0001 11 00 0001 11 00")},
      {reason::kItemValue, with_payload("0001 01 07")},
      {reason::kTextUtf8, with_payload("0001 40 0001 ff")},
  };
  std::set<std::string_view> hit;
  for (const auto& [expected, datagram] : cases) {
    EXPECT_EQ(reject_reason(kCodec, datagram), expected) << to_hex(datagram);
    EXPECT_EQ(ack_hex(kCodec, datagram), "") << "what is refused is not answered";
    hit.insert(expected);
  }
  const auto reasons = kCodec.reject_reasons();
  EXPECT_EQ(hit, std::set<std::string_view>(reasons.begin(), reasons.end())) << "each reason can be reached";
}

TEST(NativeDownlink, CarriesAListOfItemsAsItIs) {
  const auto payload = from_hex("0001 11 05");
  const auto datagram = kCodec.encode_downlink("SN-0001", 0x0000000100000002, payload, nullptr);
  ASSERT_TRUE(datagram);
  EXPECT_EQ(to_hex(*datagram),
            "4e46010300"
            "07534e2d30303031"
            "0000000100000002"
            "0000000000000000"
            "0004"
            "00011105");
}

TEST(NativeDownlink, WrapsAnythingElseAsOneBlob) {
  const auto datagram = kCodec.encode_downlink("SN-0001", 9, as_bytes("reboot"), nullptr);
  ASSERT_TRUE(datagram);
  native::Frame frame;
  ASSERT_EQ(native::parse_frame(*datagram, frame), "");
  EXPECT_EQ(frame.epoch, 0u);
  EXPECT_EQ(frame.sequence, 9u);
  native::ItemReader items(frame.payload);
  native::Item item;
  ASSERT_TRUE(items.next(item));
  EXPECT_EQ(item.id, 0);
  EXPECT_EQ(item.type, native::ItemType::kBlob);
  EXPECT_EQ(as_text(item.value), "reboot");
  EXPECT_FALSE(items.next(item));
}

TEST(NativeDownlink, IsNoneForWhatItCannotCarry) {
  EXPECT_FALSE(kCodec.encode_downlink("", 1, as_bytes("x"), nullptr));
  EXPECT_FALSE(kCodec.encode_downlink("no spaces", 1, as_bytes("x"), nullptr));
  EXPECT_FALSE(kCodec.encode_downlink("SN-0001", 1, {}, nullptr));
  const std::size_t room = native::kMaxDatagramSize - native::kHeadSize - 7 - native::kBodySize - 5;
  const auto fits = kCodec.encode_downlink("SN-0001", 1, as_bytes(std::string(room, 'x')), nullptr);
  ASSERT_TRUE(fits);
  EXPECT_EQ(fits->size(), kCodec.max_datagram_size());
  EXPECT_FALSE(kCodec.encode_downlink("SN-0001", 1, as_bytes(std::string(room + 1, 'x')), nullptr));
  EXPECT_FALSE(kCodec.encode_downlink("SN-0001", 1, as_bytes(std::string(100'000, 'x')), nullptr));
}

TEST(NativeDownlink, IsRefusedWhenItComesBack) {
  const auto datagram = kCodec.encode_downlink("SN-0001", 9, as_bytes("reboot"), nullptr);
  EXPECT_EQ(reject_reason(kCodec, *datagram), native::reason::kReflected);
}

TEST(NativeCodec, SaysWhyItCannotCarryADownlink) {
  EXPECT_EQ(kCodec.downlink_obstacle("SN-0001", as_bytes("reboot")), "");
  EXPECT_EQ(kCodec.downlink_obstacle("SN-0001", {}), "cannot carry an empty payload");
  EXPECT_NE(kCodec.downlink_obstacle("no spaces", as_bytes("x")), "");
  EXPECT_EQ(kCodec.downlink_obstacle("SN-0001", as_bytes(std::string(2000, 'x'))),
            "cannot carry 2000 bytes: a frame has at most " + std::to_string(native::kMaxDatagramSize) +
                ", with its head and tag");
  EXPECT_TRUE(kCodec.downlink_manners(0).repeatable) << "the device remembers the last ones";
}

}  // namespace
}  // namespace ingest
