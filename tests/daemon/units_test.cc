#include "daemon/units.h"

#include <gtest/gtest.h>

namespace hilera {
namespace {

using namespace std::chrono_literals;

TEST(Duration, HasAWholeNumberAndAUnit) {
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("10s"), 10s);
  EXPECT_EQ(parse_duration("5min"), 5min);
  EXPECT_EQ(parse_duration("2h"), 2h);
  EXPECT_EQ(parse_duration("7d"), 168h);
  EXPECT_EQ(parse_duration("0s"), 0s);
}

TEST(Duration, IsRefusedWithoutUnitOrWithAWrongOne) {
  for (const char* text : {"", "250", "ms", "250 ms", " 250ms", "250ms ", "2.5s", "-1s", "+1s", "1m", "1S", "1MiB",
                           "0x10s", "1s2", "1e3ms"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(Duration, IsRefusedWhenItDoesNotFit) {
  EXPECT_EQ(parse_duration("9223372036854775807ms"), std::chrono::milliseconds::max());
  EXPECT_EQ(parse_duration("9223372036854775808ms"), std::nullopt);
  EXPECT_EQ(parse_duration("106751991168d"), std::nullopt);
  EXPECT_EQ(parse_duration("99999999999999999999ms"), std::nullopt);
}

TEST(Duration, IsFormattedWithTheLargestUnitThatDividesIt) {
  EXPECT_EQ(format_duration(250ms), "250ms");
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(60s), "1min");
  EXPECT_EQ(format_duration(24h), "1d");
  EXPECT_EQ(format_duration(0ms), "0ms");
}

TEST(Bytes, HaveAWholeNumberAndABinaryUnit) {
  EXPECT_EQ(parse_bytes("512B"), 512U);
  EXPECT_EQ(parse_bytes("64KiB"), 65'536U);
  EXPECT_EQ(parse_bytes("16MiB"), 16U << 20);
  EXPECT_EQ(parse_bytes("4GiB"), 4ULL << 30);
  EXPECT_EQ(parse_bytes("1TiB"), 1ULL << 40);
}

TEST(Bytes, AreRefusedWithoutUnitOrWithADecimalOne) {
  for (const char* text : {"", "16", "16MB", "16M", "16 MiB", "1.5GiB", "-1B", "MiB", "1mib", "1s"}) {
    EXPECT_EQ(parse_bytes(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(Bytes, AreRefusedWhenTheyDoNotFit) {
  EXPECT_EQ(parse_bytes("18446744073709551615B"), UINT64_MAX);
  EXPECT_EQ(parse_bytes("16777216TiB"), std::nullopt);
}

TEST(Units, FormattingParsesBackToTheSameValue) {
  for (const auto value : {0ms, 1ms, 999ms, 1000ms, 61s + 0ms, 3600s + 0ms, 86'400'001ms}) {
    EXPECT_EQ(parse_duration(format_duration(value)), value);
  }
  for (const std::uint64_t value : {0ULL, 1ULL, 1023ULL, 1024ULL, 1536ULL, 1ULL << 20, (1ULL << 40) + 1, ~0ULL}) {
    EXPECT_EQ(parse_bytes(format_bytes(value)), value);
  }
}

}  // namespace
}  // namespace hilera
