#include "ingest/teltonika_codec.h"

#include <gtest/gtest.h>

#include <set>

#include "ingest/teltonika_frame.h"
#include "ingest/teltonika_message.h"
#include "tests/ingest/codec_support.h"
#include "tests/ingest/teltonika_vectors.h"

namespace ingest {
namespace {

namespace reason = teltonika::reason;
using teltonika::CodecId;
using teltonika::RecordSpec;
using testing::ack_hex;
using testing::decode;
using testing::fields;
using testing::fields_text;
using testing::from_hex;
using testing::reject_reason;
using testing::to_hex;

const TeltonikaCodec kCodec;
constexpr std::string_view kImei = "352093086403655";

std::vector<std::byte> datagram_of(const std::vector<RecordSpec>& records, CodecId codec = CodecId::k8) {
  std::vector<std::byte> out;
  teltonika::build_datagram({.avl_packet_id = 9, .imei = kImei, .codec = codec, .records = records}, out);
  return out;
}

RecordSpec record_at(std::uint64_t timestamp_ms, std::int16_t altitude = 0) {
  return {.gps = {.timestamp_ms = timestamp_ms, .altitude = altitude}};
}

// Header of the form of data and then `body`, with a length that is right.
std::vector<std::byte> with_body(std::string_view body_hex) {
  auto bytes = from_hex("0000 CAFE 01 07 000F 333532303933303836343033363535");
  const auto body = from_hex(body_hex);
  bytes.insert(bytes.end(), body.begin(), body.end());
  bytes[1] = static_cast<std::byte>(bytes.size() - 2);
  return bytes;
}

// A whole record of codec 8 without IO elements, as hex; and the bytes before its IO elements.
constexpr std::string_view kGps = "0000016B4F815B30 01 00000000 00000000 0000 0000 00 0000";
const std::string kEmptyRecord = std::string(kGps) + "00 00 00 00 00 00";

TEST(TeltonikaCodec, DecodesThePublishedExampleOfCodec8) {
  const auto datagram = from_hex(testing::kCodec8Example);
  const Decoded decoded = decode(kCodec, datagram);
  ASSERT_EQ(decoded.verdict, Verdict::kRecords);
  EXPECT_EQ(decoded.nserie, "352093086403655");
  EXPECT_TRUE(decoded.ack_wanted);
  EXPECT_TRUE(decoded.updates_path);
  EXPECT_EQ(decoded.auth_level, AuthLevel::kNone);
  ASSERT_EQ(decoded.records.size(), 1u);
  EXPECT_EQ(decoded.records[0].device_time, 1560407006000);
  EXPECT_EQ(decoded.records[0].frame_id >> 20, 1560407006000u);
  EXPECT_EQ(decoded.records[0].bytes.size(), datagram.size() - 26) << "all but header, codec and both counts";
  EXPECT_EQ(fields_text(kCodec, datagram),
            R"({"priority":1,"longitude":0.0000000,"latitude":0.0000000,"altitude":0,"angle":0,"satellites":0,)"
            R"("speed":0,"event":1,"io":{"21":3,"1":1,"66":23996}})");
  EXPECT_EQ(ack_hex(kCodec, datagram), "0005cafe010501");
}

TEST(TeltonikaCodec, DecodesThePublishedExampleOfCodec8Extended) {
  const auto datagram = from_hex(testing::kCodec8ExtendedExample);
  const Decoded decoded = decode(kCodec, datagram);
  ASSERT_EQ(decoded.verdict, Verdict::kRecords);
  EXPECT_EQ(decoded.nserie, "352093086403655");
  ASSERT_EQ(decoded.records.size(), 1u);
  EXPECT_EQ(decoded.records[0].device_time, 1560407121000);
  const auto values = fields(kCodec, datagram);
  EXPECT_EQ(values["priority"], 1);
  EXPECT_EQ(values["event"], 1);
  EXPECT_EQ(values["io"], nlohmann::json::parse(R"({"1":1,"17":157,"16":22949000,"11":893700218,"14":500686954})"));
  EXPECT_EQ(ack_hex(kCodec, datagram), "0005cafe010701");
}

TEST(TeltonikaCodec, DecodesThePublishedExampleOfCodec16) {
  const auto datagram = from_hex(testing::kCodec16Example);
  const Decoded decoded = decode(kCodec, datagram);
  ASSERT_EQ(decoded.verdict, Verdict::kRecords);
  EXPECT_EQ(decoded.nserie, "352094085231592");
  ASSERT_EQ(decoded.records.size(), 1u);
  EXPECT_EQ(decoded.records[0].device_time, 1447804801000);
  const auto values = fields(kCodec, datagram);
  EXPECT_EQ(values["priority"], 0);
  EXPECT_EQ(values["event"], 239);
  EXPECT_EQ(values["generation"], 5);
  EXPECT_EQ(values["io"], nlohmann::json::parse(R"({"1":0,"3":0,"180":0,"239":1,"66":4378})"));
  EXPECT_EQ(ack_hex(kCodec, datagram), "0005cafe010701");
}

TEST(TeltonikaCodec, KeepsEveryValueOfARecord) {
  const std::vector<teltonika::NumberElement> numbers = {
      {1, 1, 0xFF}, {2, 2, 0xFFFF}, {3, 4, 0xFFFFFFFF}, {4, 8, ~std::uint64_t{0}}};
  const auto vin = from_hex("57424100");
  const std::vector<teltonika::VariableElement> others = {{256, vin}, {257, {}}};
  const auto datagram = datagram_of({{.gps = {.timestamp_ms = 1560407006000,
                                              .priority = 2,
                                              .longitude = -1,
                                              .latitude = 547253599,
                                              .altitude = -12,
                                              .angle = 359,
                                              .satellites = 248,
                                              .speed = 65535},
                                      .event = 65535,
                                      .numbers = numbers,
                                      .others = others}},
                                    CodecId::k8Extended);
  EXPECT_EQ(fields_text(kCodec, datagram),
            R"({"priority":2,"longitude":-0.0000001,"latitude":54.7253599,"altitude":-12,"angle":359,)"
            R"("satellites":248,"speed":65535,"event":65535,"io":{"1":255,"2":65535,"3":4294967295,)"
            R"("4":18446744073709551615,"256":"57424100","257":""}})");
}

TEST(TeltonikaCodec, PutsRecordsInTheOrderOfTheirTime) {
  const auto datagram = datagram_of({record_at(3000), record_at(1000, 1), record_at(2000), record_at(1000, 2)});
  const Decoded decoded = decode(kCodec, datagram);
  std::vector<std::pair<std::int64_t, int>> seen;
  for (std::size_t i = 0; i < decoded.records.size(); ++i) {
    seen.emplace_back(decoded.records[i].device_time.value(), fields(kCodec, datagram, i)["altitude"].get<int>());
  }
  EXPECT_EQ(seen, (std::vector<std::pair<std::int64_t, int>>{{1000, 1}, {1000, 2}, {2000, 0}, {3000, 0}}));
  EXPECT_EQ(ack_hex(kCodec, datagram), "0005cafe010904");
}

TEST(TeltonikaCodec, TakesDatesOfUnsetClocksAsTheyAre) {
  constexpr std::uint64_t kYear2004 = 1072915200000;
  const auto datagram = datagram_of({record_at(kYear2004)});
  EXPECT_EQ(decode(kCodec, datagram).records[0].device_time, static_cast<std::int64_t>(kYear2004));
  EXPECT_FALSE(fields(kCodec, datagram).contains("timestamp_ms"));
}

TEST(TeltonikaCodec, KeepsATimeThatCannotBeOneInTheFields) {
  const auto datagram = datagram_of({record_at(5000), record_at(~std::uint64_t{0}), record_at(0)});
  const Decoded decoded = decode(kCodec, datagram);
  ASSERT_EQ(decoded.records.size(), 3u);
  EXPECT_EQ(decoded.records[0].device_time, std::nullopt) << "those without a time come first";
  EXPECT_EQ(fields(kCodec, datagram, 0)["timestamp_ms"], ~std::uint64_t{0});
  EXPECT_EQ(fields(kCodec, datagram, 1)["timestamp_ms"], 0);
  EXPECT_EQ(decoded.records[2].device_time, 5000);
}

TEST(TeltonikaCodec, TakesTheSameRecordInAnotherDatagramForTheSame) {
  const auto alone = datagram_of({record_at(1000)});
  const auto together = datagram_of({record_at(2000), record_at(1000)});
  EXPECT_EQ(decode(kCodec, alone).records[0].frame_id, decode(kCodec, together).records[0].frame_id);
  EXPECT_EQ(decode(kCodec, alone).records[0].digest, decode(kCodec, together).records[0].digest);
}

TEST(TeltonikaCodec, TakesAsManyRecordsAsTheCountCanSay) {
  const auto datagram = datagram_of(std::vector<RecordSpec>(255, record_at(1000)));
  EXPECT_EQ(decode(kCodec, datagram).records.size(), 255u);
  EXPECT_EQ(ack_hex(kCodec, datagram), "0005cafe0109ff");
}

TEST(TeltonikaCodec, AnswersAlikeWhateverBecameOfTheRecords) {
  const auto datagram = from_hex(testing::kCodec8Example);
  EXPECT_EQ(ack_hex(kCodec, datagram, AckStatus::kDuplicate), "0005cafe010501");
  EXPECT_EQ(ack_hex(kCodec, datagram, AckStatus::kRefused), "0005cafe010501");
}

TEST(TeltonikaCodec, RefusesTwoDatagramsGluedTogether) {
  const auto glued = from_hex(std::string(testing::kCodec8Example) + std::string(testing::kCodec8Example));
  EXPECT_EQ(reject_reason(kCodec, glued), reason::kLengthMismatch);
}

TEST(TeltonikaCodec, RefusesTheVariantWithAFifthGroupWhole) {
  EXPECT_NE(reject_reason(kCodec, with_body("08 01" + std::string(kGps) +
                                            "01 01 00 00 00 00 01 05 000102030405060708090a0b0c0d0e0f 01")),
            "");
}

TEST(TeltonikaCodec, TakesMessagesAsControl) {
  const auto raw = from_hex(testing::kCodec12Response);
  EXPECT_EQ(decode(kCodec, raw).verdict, Verdict::kControl);
  EXPECT_EQ(decode(kCodec, raw).nserie, "") << "the raw form names nobody";
  EXPECT_FALSE(decode(kCodec, raw).updates_path);
  EXPECT_EQ(ack_hex(kCodec, raw), "");

  const auto with_header = with_body("0C 01 06 00000002 6f6b 01");
  EXPECT_EQ(decode(kCodec, with_header).verdict, Verdict::kControl);
  EXPECT_EQ(decode(kCodec, with_header).nserie, kImei);
  EXPECT_EQ(ack_hex(kCodec, with_header), "");

  EXPECT_EQ(reject_reason(kCodec, from_hex(testing::kCodec15Message)), "");
  EXPECT_EQ(reject_reason(kCodec, with_body("0D 01 05 00000006 654b65a4 6f6b 01")), "");
  EXPECT_EQ(reject_reason(kCodec, with_body("0E 01 11 00000008 0352093086403655 01")), "");
}

TEST(TeltonikaCodec, ReadsAnAnswerInCodec14BehindItsImeiWhereItIsToUs) {
  const auto named = with_body("0E 01 06 0000000A 0352093086403655 6f6b 01");
  const Decoded decoded = decode(kCodec, named);
  ASSERT_TRUE(decoded.answer);
  EXPECT_EQ(decoded.answer->text, "ok");
  std::vector<std::byte> raw;
  const auto content = from_hex("0352093086403655 6f6b");
  teltonika::build_raw_message(
      {.codec = teltonika::CodecId::k14, .type = teltonika::MessageType::kResponse, .content = content}, raw);
  EXPECT_EQ(decode(kCodec, raw).verdict, Verdict::kControl);
  EXPECT_FALSE(decode(kCodec, raw).answer) << "we ask in codec 12";
}

TEST(TeltonikaCodec, RefusesEachFaultWithItsReason) {
  const auto changed = [](std::size_t offset, int value) {
    auto bytes = from_hex(testing::kCodec8Example);
    bytes.at(offset) = static_cast<std::byte>(value);
    return bytes;
  };
  const std::string gps(kGps);
  const std::string eight_extended = "8E 01" + gps;
  auto wrong_crc = from_hex(testing::kCodec12Response);
  wrong_crc.back() ^= std::byte{1};

  const std::vector<std::pair<std::string_view, std::vector<std::byte>>> cases = {
      {reason::kTooShort, {}},
      {reason::kTooShort, from_hex("003D CAFE 01 05 00")},
      {reason::kTooShort, with_body("")},
      {reason::kTooShort, with_body("08")},
      {reason::kTooShort, from_hex("00000000 0000")},
      {reason::kLengthMismatch, changed(1, 0x3C)},
      {reason::kLengthMismatch, changed(1, 0x3E)},
      {reason::kLengthMismatch, from_hex("00000000 0000000E 0C010500000005676574696F01 000000CB")},
      {reason::kImeiLength, changed(7, 14)},
      {reason::kImeiLength, changed(6, 1)},
      {reason::kImeiDigits, changed(8, 'A')},
      {reason::kImeiDigits, changed(22, 0)},
      {reason::kUnknownCodec, changed(23, 0x07)},
      {reason::kNoRecords, with_body("08 00 00")},
      {reason::kNoRecords, changed(24, 0)},
      {reason::kRecordOverrun, with_body("08 01")},
      {reason::kRecordOverrun, with_body("08 01" + gps)},
      {reason::kRecordOverrun, with_body("08 01" + gps + "00 02 02 0101 01")},
      {reason::kRecordOverrun, with_body("08 01" + gps + "00 01 00 00 00 01 0100000000 01")},
      {reason::kRecordOverrun, with_body("08 02" + kEmptyRecord + "02")},
      {reason::kRecordOverrun, with_body("08 01" + kEmptyRecord)},
      {reason::kRecordOverrun, with_body(eight_extended + "0000 0001 0000 0000 0000 0000 0001 0100 FFFF 00 01")},
      {reason::kRecordOverrun, with_body(eight_extended + "0000 FFFF FFFF 0001 01 01")},
      {reason::kIoTotal, with_body("08 01" + gps + "00 02 01 0101 00 00 00 01")},
      {reason::kIoTotal, with_body("08 01" + gps + "00 00 01 0101 00 00 00 01")},
      {reason::kIoTotal, with_body(eight_extended + "0000 0000 0000 0000 0000 0000 0001 0100 0000 01")},
      {reason::kTrailingBytes, with_body("08 01" + kEmptyRecord + "01 00")},
      {reason::kCountMismatch, with_body("08 01" + kEmptyRecord + "02")},
      {reason::kMessageForm, with_body("0C 01 06 00000003 6f6b 01")},
      {reason::kMessageForm, with_body("0C 01 06 00000002 6f6b 01 00")},
      {reason::kMessageType, with_body("0C 01 05 00000002 6f6b 01")},
      {reason::kMessageType, from_hex(testing::kGetInfoCommand)},
      {reason::kCrcMismatch, wrong_crc},
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

TEST(TeltonikaPeek, FindsTheImeiWithoutJudgingTheRest) {
  EXPECT_EQ(kCodec.peek_serial(from_hex("FFFF 0000 00 00 000F 333532303933303836343033363535")).size(), 15u);
  EXPECT_EQ(kCodec.peek_serial(from_hex("003D CAFE 01 05 000F 3335")), "") << "cut short";
  EXPECT_EQ(kCodec.peek_serial(from_hex("003D CAFE 01 05 0010 33353230393330383634303336353535")), "");
  EXPECT_EQ(kCodec.peek_serial(from_hex(testing::kCodec12Response)), "") << "the raw form names nobody";
  EXPECT_EQ(kCodec.peek_serial({}), "");
}

TEST(TeltonikaDownlink, IsACommandInTheRawForm) {
  const auto datagram = kCodec.encode_downlink(kImei, 77, as_bytes("getinfo"), nullptr);
  ASSERT_TRUE(datagram);
  EXPECT_EQ(to_hex(*datagram), to_hex(from_hex(testing::kGetInfoCommand)));
}

TEST(TeltonikaDownlink, IsNoneForWhatItCannotCarry) {
  EXPECT_FALSE(kCodec.encode_downlink("SN-0001", 1, as_bytes("getinfo"), nullptr));
  EXPECT_FALSE(kCodec.encode_downlink(kImei, 1, {}, nullptr));
  EXPECT_TRUE(kCodec.encode_downlink(kImei, 1, as_bytes(std::string(1260, 'x')), nullptr));
  EXPECT_FALSE(kCodec.encode_downlink(kImei, 1, as_bytes(std::string(1261, 'x')), nullptr));
  EXPECT_FALSE(kCodec.encode_downlink(kImei, 1, as_bytes(std::string(100'000, 'x')), nullptr));
}

TEST(TeltonikaDownlink, IsRefusedWhenItComesBack) {
  EXPECT_EQ(reject_reason(kCodec, *kCodec.encode_downlink(kImei, 1, as_bytes("getinfo"), nullptr)),
            reason::kMessageType);
}

TEST(TeltonikaCodec, SaysWhyItCannotCarryACommand) {
  EXPECT_EQ(kCodec.downlink_obstacle(kImei, as_bytes("getinfo")), "");
  EXPECT_EQ(kCodec.downlink_obstacle("SN-1", as_bytes("getinfo")), "has no such serial: an IMEI has 15 digits");
  EXPECT_EQ(kCodec.downlink_obstacle(kImei, {}), "cannot carry an empty command");
  EXPECT_EQ(kCodec.downlink_obstacle(kImei, as_bytes(std::string(1261, 'x'))),
            "cannot carry a command of 1261 bytes: it has at most 1260");
}

TEST(TeltonikaCodec, MakesNoSecondAttemptOfACommandAndFindsItsAnswerByTheAddress) {
  EXPECT_FALSE(kCodec.downlink_manners(0).repeatable);
  EXPECT_TRUE(kCodec.downlink_manners(0).answered);
  EXPECT_FALSE(kCodec.downlink_manners(0).answers_name_device);
}

}  // namespace
}  // namespace ingest
