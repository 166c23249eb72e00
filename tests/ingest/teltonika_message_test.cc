#include "ingest/teltonika_message.h"

#include <gtest/gtest.h>

#include "tests/ingest/hex.h"
#include "tests/ingest/teltonika_vectors.h"

namespace ingest::teltonika {
namespace {

using testing::from_hex;
using testing::to_hex;

struct Published {
  std::string_view hex;
  std::uint16_t crc;
  CodecId codec;
  MessageType type;
  std::string_view content;
};

const Published kPublished[] = {
    {testing::kGetInfoCommand, 0x4312, CodecId::k12, MessageType::kCommand, "getinfo"},
    {testing::kGetIoCommand, 0x00CB, CodecId::k12, MessageType::kCommand, "getio"},
    {testing::kSetDigoutCommand, 0xBED5, CodecId::k12, MessageType::kCommand, "setdigout 11"},
    {testing::kCodec12Response, 0x66E3, CodecId::k12, MessageType::kResponse,
     "DI1:1 DI2:0 DI3:0 AIN1:0 AIN2:16924 DO1:0 DO2:1"},
    {testing::kCodec15Message, 0x93D6, CodecId::k15, MessageType::kSerialData,
     std::string_view("\x65\x4b\x65\xa4\x01\x23\x45\x67\x89\x12\x34\x56Hello!\n", 19)},
};

std::string_view raw_fault(Bytes datagram) {
  Message message;
  return parse_raw_message(datagram, message);
}

TEST(TeltonikaMessage, HasThePublishedCrc) {
  for (const Published& sample : kPublished) {
    const auto datagram = from_hex(sample.hex);
    EXPECT_EQ(crc16_ibm(Bytes(datagram).subspan(8, datagram.size() - 12)), sample.crc);
  }
  EXPECT_EQ(crc16_ibm(as_bytes("123456789")), 0xBB3D) << "the check value of CRC-16/ARC";
  EXPECT_EQ(crc16_ibm({}), 0);
}

TEST(TeltonikaMessage, ReadsThePublishedSamples) {
  for (const Published& sample : kPublished) {
    const auto datagram = from_hex(sample.hex);
    Message message;
    ASSERT_EQ(parse_raw_message(datagram, message), "");
    EXPECT_EQ(message.codec, sample.codec);
    EXPECT_EQ(message.type, sample.type);
    EXPECT_EQ(as_text(message.content), sample.content);
  }
}

TEST(TeltonikaMessage, BuildsThePublishedSamples) {
  for (const Published& sample : kPublished) {
    std::vector<std::byte> out = from_hex("ffff");
    build_raw_message({.codec = sample.codec, .type = sample.type, .content = as_bytes(sample.content)}, out);
    EXPECT_EQ(to_hex(out), to_hex(from_hex(sample.hex)));
  }
}

TEST(TeltonikaMessage, CutShortOrWithOneBitChangedIsRefused) {
  const auto whole = from_hex(testing::kCodec12Response);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(raw_fault(Bytes(whole).first(size)), "") << size;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    auto changed = whole;
    changed[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_NE(raw_fault(changed), "") << bit;
  }
}

TEST(TeltonikaMessage, IsRefusedWithTheReason) {
  EXPECT_EQ(raw_fault(from_hex("00000000 00000000 0000")), reason::kTooShort);
  EXPECT_EQ(raw_fault(from_hex(std::string(testing::kGetIoCommand) + "00")), reason::kLengthMismatch);
  EXPECT_EQ(raw_fault(from_hex("00000000 ffffffff 0C010500000005676574696F01 000000CB")), reason::kLengthMismatch);
  EXPECT_EQ(raw_fault(from_hex("00000000 0000000D 0C010500000005676574696F01 000000CC")), reason::kCrcMismatch);
  EXPECT_EQ(raw_fault(from_hex("00000000 0000000D 0C010500000005676574696F01 000100CB")), reason::kCrcMismatch);
}

TEST(TeltonikaMessage, JudgesTheBody) {
  const auto body_fault = [](std::string_view hex) {
    const auto body = from_hex(hex);
    Message message;
    return parse_message(body, message);
  };
  EXPECT_EQ(body_fault("0C 01 06 00000002 6f6b 01"), "");
  EXPECT_EQ(body_fault("0C 01 06 00000000 01"), "") << "a message may be empty";
  EXPECT_EQ(body_fault(""), reason::kUnknownCodec);
  EXPECT_EQ(body_fault("0B 01 06 00000002 6f6b 01"), reason::kUnknownCodec);
  EXPECT_EQ(body_fault("08 01 06 00000002 6f6b 01"), reason::kUnknownCodec) << "data is not a message";
  EXPECT_EQ(body_fault("0C 02 06 00000002 6f6b 01"), reason::kMessageForm);
  EXPECT_EQ(body_fault("0C 01 06 00000002 6f6b 02"), reason::kMessageForm);
  EXPECT_EQ(body_fault("0C 01 06 00000003 6f6b 01"), reason::kMessageForm);
  EXPECT_EQ(body_fault("0C 01 06 00000001 6f6b 01"), reason::kMessageForm);
  EXPECT_EQ(body_fault("0C 01 06 ffffffff 6f6b 01"), reason::kMessageForm);
  EXPECT_EQ(body_fault("0C 01 06 0000"), reason::kMessageForm);
}

}  // namespace
}  // namespace ingest::teltonika
