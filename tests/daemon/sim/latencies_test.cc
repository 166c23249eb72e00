#include "daemon/sim/latencies.h"

#include <gtest/gtest.h>

#include <chrono>

namespace hilera::sim {
namespace {

using namespace std::chrono_literals;

TEST(Latencies, HaveNoQuantilesWhenThereAreNone) {
  EXPECT_EQ(Latencies().quantile(0.5), std::nullopt);
}

TEST(Latencies, AreExactWhenSmall) {
  Latencies latencies;
  for (int i = 1; i <= 60; ++i)
    latencies.add(std::chrono::microseconds(i));
  EXPECT_EQ(latencies.quantile(0.5), 30us);
  EXPECT_EQ(latencies.quantile(0), 1us);
  EXPECT_EQ(latencies.quantile(1), 60us);
}

TEST(Latencies, AreRightWithinThreePercent) {
  for (std::int64_t value = 1; value < 3'600'000'000; value = value * 9 / 8 + 1) {
    Latencies latencies;
    latencies.add(std::chrono::microseconds(value));
    const auto measured = latencies.quantile(0.5)->count();
    EXPECT_GE(measured, value);
    EXPECT_LE(static_cast<double>(measured), static_cast<double>(value) * 1.032);
  }
}

TEST(Latencies, TellTheSlowFewFromTheMany) {
  Latencies latencies;
  for (int i = 0; i < 980; ++i)
    latencies.add(1ms);
  for (int i = 0; i < 20; ++i)
    latencies.add(1s);
  EXPECT_LT(*latencies.quantile(0.5), 2ms);
  EXPECT_GE(*latencies.quantile(0.99), 1s);
  EXPECT_EQ(latencies.count(), 1000u);
}

TEST(Latencies, TakeWhatIsOutOfRange) {
  Latencies latencies;
  latencies.add(-1s);
  EXPECT_EQ(latencies.quantile(1), 0us);
  latencies.add(48h);
  EXPECT_GE(*latencies.quantile(1), 1h);
}

}  // namespace
}  // namespace hilera::sim
