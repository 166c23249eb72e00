#include "ingest/semtech_frame.h"

#include <gtest/gtest.h>

#include "tests/ingest/hex.h"
#include "tests/ingest/semtech_vectors.h"

namespace ingest::semtech {
namespace {

using ingest::testing::from_hex;
using ingest::testing::kEui;
using ingest::testing::to_hex;

std::string fault_of(std::string_view hex) {
  Frame frame;
  return std::string(parse_frame(from_hex(hex), frame));
}

std::string answer_fault_of(std::string_view hex) {
  Answer answer;
  return std::string(parse_answer(from_hex(hex), answer));
}

TEST(SemtechFrame, IsTakenApart) {
  Frame frame;
  const auto datagram = from_hex("02a1b200b827ebfffe87bd11 7b7d");
  ASSERT_EQ(parse_frame(datagram, frame), "");
  EXPECT_EQ(frame.version, 2);
  EXPECT_EQ(frame.token, 0xA1B2);
  EXPECT_EQ(frame.type, Type::kPushData);
  EXPECT_EQ(to_hex(frame.eui), kEui);
  EXPECT_EQ(as_text(frame.body), "{}");
}

TEST(SemtechFrame, IsBuiltAsItIsTakenApart) {
  for (const std::string_view hex :
       {"01a1b200b827ebfffe87bd117b7d", "02000702b827ebfffe87bd11", "02ffff05b827ebfffe87bd11"}) {
    Frame frame;
    const auto datagram = from_hex(hex);
    ASSERT_EQ(parse_frame(datagram, frame), "");
    std::vector<std::byte> built;
    build_frame(frame, built);
    EXPECT_EQ(to_hex(built), hex);
  }
}

TEST(SemtechFrame, RefusesEachFaultWithItsReason) {
  EXPECT_EQ(fault_of(""), reason::kTooShort);
  EXPECT_EQ(fault_of("02a1b2"), reason::kTooShort);
  EXPECT_EQ(fault_of("02a1b200"), reason::kTooShort);
  EXPECT_EQ(fault_of("02a1b200b827ebfffe87bd"), reason::kTooShort);
  EXPECT_EQ(fault_of("00a1b200b827ebfffe87bd11"), reason::kBadVersion);
  EXPECT_EQ(fault_of("03a1b200b827ebfffe87bd11"), reason::kBadVersion);
  EXPECT_EQ(fault_of("02a1b206b827ebfffe87bd11"), reason::kUnknownType);
  EXPECT_EQ(fault_of("02a1b2ffb827ebfffe87bd11"), reason::kUnknownType);
  EXPECT_EQ(fault_of("02a1b201"), reason::kReflected);
  EXPECT_EQ(fault_of("02a1b2037b7d"), reason::kReflected);
  EXPECT_EQ(fault_of("02a1b204"), reason::kReflected);
  EXPECT_EQ(fault_of("01a1b205b827ebfffe87bd11"), reason::kTxAckVersion);
  EXPECT_EQ(fault_of("02000702b827ebfffe87bd1100"), reason::kTrailingBytes);
}

TEST(SemtechAnswer, IsTheHeadAndForPullRespABody) {
  std::vector<std::byte> out;
  build_answer({.version = 1, .token = 0xA1B2, .type = Type::kPushAck}, out);
  EXPECT_EQ(to_hex(out), "01a1b201");
  build_answer({.token = 0x0007, .type = Type::kPullAck}, out);
  EXPECT_EQ(to_hex(out), "02000704");
  build_answer({.token = 0x5A01, .type = Type::kPullResp, .body = as_bytes("{}")}, out);
  EXPECT_EQ(to_hex(out), "025a01037b7d");

  Answer answer;
  ASSERT_EQ(parse_answer(out, answer), "");
  EXPECT_EQ(answer.version, 2);
  EXPECT_EQ(answer.token, 0x5A01);
  EXPECT_EQ(answer.type, Type::kPullResp);
  EXPECT_EQ(as_text(answer.body), "{}");
}

TEST(SemtechAnswer, IsRefusedWithTheReason) {
  EXPECT_EQ(answer_fault_of("02a1b2"), reason::kTooShort);
  EXPECT_EQ(answer_fault_of("05a1b201"), reason::kBadVersion);
  EXPECT_EQ(answer_fault_of("02a1b207"), reason::kUnknownType);
  EXPECT_EQ(answer_fault_of("02a1b200b827ebfffe87bd11"), reason::kReflected);
  EXPECT_EQ(answer_fault_of("02a1b20100"), reason::kTrailingBytes);
}

TEST(SemtechEui, IsSixteenLowerCaseHexDigits) {
  std::string text;
  append_eui(from_hex("B827EBFFFE87BD11"), text);
  EXPECT_EQ(text, kEui);
  EXPECT_TRUE(is_eui(kEui));
  EXPECT_FALSE(is_eui("B827EBFFFE87BD11"));
  EXPECT_FALSE(is_eui("b827ebfffe87bd1"));
  EXPECT_FALSE(is_eui("b827ebfffe87bd1g"));
  EXPECT_FALSE(is_eui(""));
}

}  // namespace
}  // namespace ingest::semtech
