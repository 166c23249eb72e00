#include "daemon/sim/telemetry.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "ingest/utf8.h"

namespace hilera::sim {
namespace {

TEST(Random, StaysWithinItsBoundsAndReachesThem) {
  Random random(1);
  std::set<int> seen;
  for (int i = 0; i < 1000; ++i) {
    seen.insert(random.between(-2, 2));
    const double unit = random.unit();
    EXPECT_GE(unit, 0);
    EXPECT_LT(unit, 1);
  }
  EXPECT_EQ(seen, (std::set<int>{-2, -1, 0, 1, 2}));
}

// The sequence is a promise: runs with one seed can be compared between machines. Values published with SplitMix64.
TEST(Random, IsSplitMix64) {
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317u);
  EXPECT_EQ(random.next(), 3203168211198807973u);
}

TEST(Telemetry, StaysPlausible) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Telemetry telemetry(seed);
    std::uint32_t pulses = 0;
    for (int i = 0; i < 5000; ++i) {
      const Reading& reading = telemetry.next();
      EXPECT_GE(reading.temperature, -40);
      EXPECT_LE(reading.temperature, 85);
      EXPECT_LT(reading.angle, 360);
      EXPECT_GE(reading.battery_mv, 3290);
      EXPECT_LE(reading.battery_mv, 4150);
      EXPECT_GE(reading.pulses, pulses);
      EXPECT_TRUE(reading.moving || reading.speed == 0);
      pulses = reading.pulses;
    }
  }
}

TEST(Telemetry, SaysSomethingNowAndThen) {
  Telemetry telemetry(1);
  std::set<std::string> texts;
  int said = 0;
  for (int i = 0; i < 5000; ++i) {
    const std::string_view text = telemetry.next().text;
    if (text.empty()) continue;
    ++said;
    EXPECT_TRUE(ingest::is_utf8(text));
    texts.emplace(text);
  }
  EXPECT_GT(said, 50);
  EXPECT_LT(said, 200);
  EXPECT_GT(texts.size(), 4u);
}

TEST(Telemetry, ChangesFromReadingToReading) {
  Telemetry telemetry(7);
  std::set<std::uint16_t> supplies;
  for (int i = 0; i < 50; ++i)
    supplies.insert(telemetry.next().supply_mv);
  EXPECT_GT(supplies.size(), 10u);
}

}  // namespace
}  // namespace hilera::sim
