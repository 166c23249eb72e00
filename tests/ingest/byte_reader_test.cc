#include "ingest/byte_reader.h"

#include <gtest/gtest.h>

#include <limits>

#include "ingest/byte_writer.h"
#include "tests/ingest/hex.h"

namespace ingest {
namespace {

using testing::from_hex;
using testing::to_hex;

TEST(ByteReader, ReadsBigEndianIntegersOfEveryWidth) {
  const auto bytes = from_hex("01 0203 04050607 08090a0b0c0d0e0f");
  ByteReader reader(bytes);
  EXPECT_EQ(reader.read<std::uint8_t>(), 0x01);
  EXPECT_EQ(reader.read<std::uint16_t>(), 0x0203);
  EXPECT_EQ(reader.read<std::uint32_t>(), 0x04050607u);
  EXPECT_EQ(reader.read<std::uint64_t>(), 0x08090a0b0c0d0e0fu);
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_TRUE(reader.ok());
}

TEST(ByteReader, ReadsSignedIntegers) {
  const auto bytes = from_hex("ff fffe 80000000");
  ByteReader reader(bytes);
  EXPECT_EQ(reader.read<std::int8_t>(), -1);
  EXPECT_EQ(reader.read<std::int16_t>(), -2);
  EXPECT_EQ(reader.read<std::int32_t>(), std::numeric_limits<std::int32_t>::min());
}

TEST(ByteReader, FailsForGoodAtTheFirstReadThatDoesNotFit) {
  const auto bytes = from_hex("010203");
  ByteReader reader(bytes);
  EXPECT_EQ(reader.read<std::uint32_t>(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.read<std::uint8_t>(), 0) << "although one byte would be there";
  EXPECT_TRUE(reader.take(0).empty());
  EXPECT_EQ(reader.position(), 0u);
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, SurvivesTheLargestLength) {
  const auto bytes = from_hex("0102");
  ByteReader reader(bytes);
  reader.take(1);
  EXPECT_TRUE(reader.take(std::numeric_limits<std::size_t>::max()).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, TellsWhatWasReadSinceAPosition) {
  const auto bytes = from_hex("01020304");
  ByteReader reader(bytes);
  reader.take(1);
  const std::size_t start = reader.position();
  reader.take(2);
  EXPECT_EQ(to_hex(reader.since(start)), "0203");
}

TEST(ByteReader, OfNothingHasNothing) {
  ByteReader reader(Bytes{});
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_EQ(reader.read<std::uint8_t>(), 0);
  EXPECT_FALSE(reader.ok());
}

TEST(ByteWriter, IsTheCounterpartOfTheReader) {
  std::vector<std::byte> out;
  ByteWriter writer(out);
  writer.write(std::uint8_t{1});
  writer.write(std::int16_t{-2});
  writer.write(std::uint32_t{0x04050607});
  writer.write(std::uint64_t{0x08090a0b0c0d0e0f});
  writer.write_unsigned(0xAABBCC, 2);
  writer.write_text("hi");
  EXPECT_EQ(to_hex(out), "01fffe0405060708090a0b0c0d0e0fbbcc6869");
}

}  // namespace
}  // namespace ingest
