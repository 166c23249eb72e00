#include "daemon/sim/pacer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

namespace hilera::sim {
namespace {

using namespace std::chrono_literals;

const Pacer::TimePoint kBegin{};

TEST(Pacer, LetsTheFirstFrameGoAtOnce) {
  Pacer pacer(10, kBegin);
  EXPECT_EQ(pacer.due(kBegin), 1u);
}

TEST(Pacer, GivesTheRateOverALongTimeWhateverTheTicks) {
  Pacer pacer(333, kBegin);
  std::uint64_t made = 0;
  for (auto now = kBegin; now <= kBegin + 100s; now += 7ms) {
    const auto due = pacer.due(now);
    pacer.made(due);
    made += due;
  }
  EXPECT_NEAR(static_cast<double>(made), 33'300, 10);
}

TEST(Pacer, MakesUpForWhatWasMissed) {
  Pacer pacer(100, kBegin);
  pacer.made(1);
  EXPECT_EQ(pacer.due(kBegin + 500ms), 50u);
  pacer.made(20);
  EXPECT_EQ(pacer.due(kBegin + 500ms), 30u);
}

TEST(Pacer, ButForOneSecondOnly) {
  Pacer pacer(100, kBegin);
  pacer.made(1);
  EXPECT_EQ(pacer.due(kBegin + 60s), 100u);
}

TEST(Pacer, TellsWhenTheNextFrameIsDue) {
  Pacer pacer(10, kBegin);
  EXPECT_EQ(pacer.next(), kBegin) << "one is due now";
  pacer.made(1);
  EXPECT_EQ(pacer.next(), kBegin + 100ms);
  EXPECT_EQ(pacer.due(pacer.next()), 1u);
}

TEST(Pacer, HandlesLessThanOneFrameInASecond) {
  Pacer pacer(0.01, kBegin);
  pacer.made(pacer.due(kBegin));
  EXPECT_EQ(pacer.due(kBegin + 99s), 0u);
  EXPECT_EQ(pacer.due(kBegin + 101s), 1u);
}

TEST(Pacer, AnHourIsTheLongestWait) {
  Pacer pacer(1e-9, kBegin);
  pacer.made(1);
  EXPECT_EQ(pacer.next(), kBegin + 1h);
}

TEST(Pacer, RateZeroHasNoLimit) {
  Pacer pacer(0, kBegin);
  pacer.made(1'000'000'000);
  EXPECT_EQ(pacer.due(kBegin), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(pacer.next(), kBegin);
}

}  // namespace
}  // namespace hilera::sim
