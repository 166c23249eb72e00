#include "ingest/native_frame.h"

#include <gtest/gtest.h>

#include "tests/ingest/hex.h"

namespace ingest::native {
namespace {

using testing::from_hex;
using testing::to_hex;

constexpr std::string_view kExample = "4e46 01 01 00 07 534e2d30303031 00000007 0000002a 0000018bcfe5687b 0003 000141";

std::string_view parse(std::string_view hex, Frame& frame) {
  static std::vector<std::byte> datagram;  // the frame's views outlive this function
  datagram = from_hex(hex);
  return parse_frame(datagram, frame);
}

std::string_view fault(std::string_view hex) {
  Frame frame;
  return parse(hex, frame);
}

TEST(NativeFrame, IsTakenApart) {
  Frame frame;
  ASSERT_EQ(parse(kExample, frame), "");
  EXPECT_EQ(frame.flags, kAckWanted);
  EXPECT_EQ(frame.key_id, 0);
  EXPECT_EQ(frame.serial, "SN-0001");
  EXPECT_EQ(frame.epoch, 7u);
  EXPECT_EQ(frame.sequence, 42u);
  EXPECT_EQ(frame.time_ms, 1'700'000'000'123u);
  EXPECT_EQ(to_hex(frame.payload), "000141");
  EXPECT_EQ(to_hex(frame.content), "000000070000002a0000018bcfe5687b0003000141");
  EXPECT_TRUE(frame.tag.empty());
}

TEST(NativeFrame, HasItsTagBehindThePayload) {
  Frame frame;
  ASSERT_EQ(
      parse("4e46 01 21 05 01 41 00000001 00000002 0000000000000000 0001 ff 000102030405060708090a0b0c0d0e0f", frame),
      "");
  EXPECT_EQ(frame.key_id, 5);
  EXPECT_EQ(to_hex(frame.tag), "000102030405060708090a0b0c0d0e0f");
  EXPECT_EQ(to_hex(frame.content), "000000010000000200000000000000000001ff") << "the tag is not content";
}

TEST(NativeFrame, MayHaveAnEmptyPayload) {
  Frame frame;
  EXPECT_EQ(parse("4e46 01 08 00 01 41 00000001 00000002 0000000000000000 0000", frame), "");
  EXPECT_TRUE(frame.payload.empty());
}

TEST(NativeFrame, IsBuiltAsItIsTakenApart) {
  const auto payload = from_hex("000141");
  std::vector<std::byte> out = from_hex("ffff");
  build_frame({.flags = kAckWanted,
               .serial = "SN-0001",
               .epoch = 7,
               .sequence = 42,
               .time_ms = 1'700'000'000'123,
               .payload = payload},
              out);
  EXPECT_EQ(to_hex(out), to_hex(from_hex(kExample)));
}

TEST(NativeFrame, IsRefusedWhenAnyPartIsWrong) {
  EXPECT_EQ(fault(""), reason::kTooShort);
  EXPECT_EQ(fault("4e46 01 01 00"), reason::kTooShort);
  EXPECT_EQ(fault("4e46 01 01 00 01 41 00000001 00000002 0000000000000000 00"), reason::kTooShort);
  EXPECT_EQ(fault("4e47 01 01 00 01 41 00000001 00000002 0000000000000000 0001 ff"), reason::kBadMagic);
  EXPECT_EQ(fault("4e46 02 01 00 01 41 00000001 00000002 0000000000000000 0001 ff"), reason::kUnknownVersion);
  EXPECT_EQ(fault("4e46 01 41 00 01 41 00000001 00000002 0000000000000000 0001 ff"), reason::kUnknownFlags);
  EXPECT_EQ(fault("4e46 01 81 00 01 41 00000001 00000002 0000000000000000 0001 ff"), reason::kUnknownFlags);
  EXPECT_EQ(fault("4e46 01 01 00 00 00000001 00000002 0000000000000000 0001 ff"), reason::kSerialLength);
  EXPECT_EQ(fault("4e46 01 01 00 21 41 00000001 00000002 0000000000000000 0001 ff"), reason::kSerialLength);
  EXPECT_EQ(fault("4e46 01 01 00 01 20 00000001 00000002 0000000000000000 0001 ff"), reason::kSerialCharacters);
  EXPECT_EQ(fault("4e46 01 01 00 01 41 00000001 00000002 0000000000000000 0002 ff"), reason::kLengthMismatch);
  EXPECT_EQ(fault("4e46 01 01 00 01 41 00000001 00000002 0000000000000000 0001 ffff"), reason::kLengthMismatch);
  EXPECT_EQ(fault("4e46 01 01 00 01 41 00000001 00000002 0000000000000000 ffff ff"), reason::kLengthMismatch);
  EXPECT_EQ(fault("4e46 01 21 00 01 41 00000001 00000002 0000000000000000 0001 ff 0011"), reason::kLengthMismatch);
}

TEST(NativeFrame, CutShortAnywhereIsRefused) {
  const auto whole = from_hex(kExample);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Frame frame;
    EXPECT_NE(parse_frame(Bytes(whole).first(size), frame), "") << size;
  }
}

TEST(NativeSerial, HasOneTo32OfItsCharacters) {
  EXPECT_TRUE(is_serial("A"));
  EXPECT_TRUE(is_serial("az.AZ_09-"));
  EXPECT_TRUE(is_serial(std::string(32, 'x')));
  EXPECT_FALSE(is_serial(""));
  EXPECT_FALSE(is_serial(std::string(33, 'x')));
  for (const char c : std::string_view(" /:@[`{\x7f\xc3\0", 10))
    EXPECT_FALSE(is_serial(std::string(1, c))) << int{c};
}

TEST(NativePeek, FindsTheSerialWithoutJudgingTheRest) {
  const auto peek = [](std::string_view hex) {
    const auto datagram = from_hex(hex);
    return std::string(peek_serial(datagram));
  };
  EXPECT_EQ(peek(kExample), "SN-0001");
  EXPECT_EQ(peek("4e46 ff ff ff 02 4142"), "AB");
  EXPECT_EQ(peek("4e46 01 01 00 03 4142"), "") << "cut short";
  EXPECT_EQ(peek("4e46 01 01 00 00"), "");
  EXPECT_EQ(peek("4e46 01 01 00 21" + std::string(66, '4')), "") << "longer than a serial can be";
  EXPECT_EQ(peek("4e47 01 01 00 02 4142"), "") << "another magic";
  EXPECT_EQ(peek(""), "");
}

}  // namespace
}  // namespace ingest::native
