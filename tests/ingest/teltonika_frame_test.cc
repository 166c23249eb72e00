#include "ingest/teltonika_frame.h"

#include <gtest/gtest.h>

#include "tests/ingest/hex.h"
#include "tests/ingest/teltonika_vectors.h"

namespace ingest::teltonika {
namespace {

using testing::from_hex;
using testing::to_hex;

std::string built(const DatagramSpec& spec) {
  std::vector<std::byte> out = from_hex("ffff");
  build_datagram(spec, out);
  return to_hex(out);
}

std::string lower(std::string_view hex) {
  return to_hex(from_hex(hex));
}

TEST(TeltonikaFrame, BuildsThePublishedExampleOfCodec8) {
  const std::vector<NumberElement> numbers = {{21, 1, 3}, {1, 1, 1}, {66, 2, 23996}};
  const RecordSpec record{.gps = {.timestamp_ms = 1560407006000, .priority = 1}, .event = 1, .numbers = numbers};
  EXPECT_EQ(built({.avl_packet_id = 5, .imei = "352093086403655", .codec = CodecId::k8, .records = {&record, 1}}),
            lower(testing::kCodec8Example));
}

TEST(TeltonikaFrame, BuildsThePublishedExampleOfCodec8Extended) {
  const std::vector<NumberElement> numbers = {
      {1, 1, 1}, {17, 2, 0x9D}, {16, 4, 0x15E2C88}, {11, 8, 0x3544C87A}, {14, 8, 0x1DD7E06A}};
  const RecordSpec record{.gps = {.timestamp_ms = 1560407121000, .priority = 1}, .event = 1, .numbers = numbers};
  EXPECT_EQ(
      built({.avl_packet_id = 7, .imei = "352093086403655", .codec = CodecId::k8Extended, .records = {&record, 1}}),
      lower(testing::kCodec8ExtendedExample));
}

TEST(TeltonikaFrame, BuildsThePublishedExampleOfCodec16) {
  const std::vector<NumberElement> numbers = {{1, 1, 0}, {3, 1, 0}, {180, 1, 0}, {239, 1, 1}, {66, 2, 0x111A}};
  const RecordSpec record{
      .gps = {.timestamp_ms = 1447804801000, .priority = 0}, .event = 239, .generation = 5, .numbers = numbers};
  EXPECT_EQ(built({.avl_packet_id = 7, .imei = "352094085231592", .codec = CodecId::k16, .records = {&record, 1}}),
            lower(testing::kCodec16Example));
}

TEST(TeltonikaFrame, ReadsItsAnswer) {
  const auto ack = parse_ack(from_hex("0005 CAFE 01 07 03"));
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->packet_id, 0xCAFE);
  EXPECT_EQ(ack->avl_packet_id, 7);
  EXPECT_EQ(ack->accepted, 3);
  EXPECT_FALSE(parse_ack(from_hex("0005 CAFE 01 07")));
  EXPECT_FALSE(parse_ack(from_hex("0005 CAFE 01 07 03 00")));
  EXPECT_FALSE(parse_ack(from_hex("0006 CAFE 01 07 03")));
}

TEST(TeltonikaFrame, KnowsAnImei) {
  EXPECT_TRUE(is_imei("352093086403655"));
  EXPECT_FALSE(is_imei("35209308640365"));
  EXPECT_FALSE(is_imei("3520930864036550"));
  EXPECT_FALSE(is_imei("35209308640365A"));
}

TEST(TeltonikaFrame, OnlyTheDataCodecsHaveALayout) {
  EXPECT_TRUE(layout_of(CodecId::k8));
  EXPECT_TRUE(layout_of(CodecId::k8Extended));
  EXPECT_TRUE(layout_of(CodecId::k16));
  EXPECT_FALSE(layout_of(CodecId::k12));
  EXPECT_FALSE(layout_of(static_cast<CodecId>(0x07)));
}

}  // namespace
}  // namespace ingest::teltonika
