#include "ingest/arrival_clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

namespace ingest {
namespace {

std::int64_t now_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

TEST(ArrivalClock, StampsWithTheTimeInMicrosecondsSince1970) {
  ArrivalClock clock;
  const auto before = now_us();
  const auto stamp = clock.next(ArrivalClock::now());
  EXPECT_GE(stamp, before);
  EXPECT_LE(stamp, now_us());
  EXPECT_EQ(clock.last(), stamp);
}

TEST(ArrivalClock, GivesEachStampOnce) {
  ArrivalClock clock;
  EXPECT_EQ(clock.next(1000), 1000);
  EXPECT_EQ(clock.next(1000), 1001);
  EXPECT_EQ(clock.next(1001), 1002);
  EXPECT_EQ(clock.next(2000), 2000);
}

TEST(ArrivalClock, NeverGoesBackWithTheSystemsClock) {
  ArrivalClock clock;
  EXPECT_EQ(clock.next(1'000'000), 1'000'000);
  EXPECT_EQ(clock.next(5), 1'000'001);
  EXPECT_EQ(clock.next(-1), 1'000'002);
}

TEST(ArrivalClock, ContinuesBehindTheLastStampOfAnEarlierRun) {
  const std::int64_t far_ahead = std::numeric_limits<std::int64_t>::max() / 2;
  ArrivalClock clock(far_ahead);
  EXPECT_EQ(clock.next(ArrivalClock::now()), far_ahead + 1);
}

TEST(ArrivalClock, IsStrictlyIncreasingWhenAskedFasterThanItTicks) {
  ArrivalClock clock;
  std::int64_t last = 0;
  for (int i = 0; i < 100'000; ++i) {
    const auto stamp = clock.next(ArrivalClock::now());
    ASSERT_GT(stamp, last);
    last = stamp;
  }
}

}  // namespace
}  // namespace ingest
