#include "daemon/rate_limiter.h"

#include <gtest/gtest.h>

namespace hilera {
namespace {

using namespace std::chrono_literals;
constexpr RateLimiter::Clock::time_point kStart{1h};

TEST(RateLimiter, LetsOneThroughPerIntervalAndCountsTheOthers) {
  RateLimiter limiter(10s);
  EXPECT_EQ(limiter.admit("a", kStart), 0U);
  EXPECT_EQ(limiter.admit("a", kStart), std::nullopt);
  EXPECT_EQ(limiter.admit("a", kStart + 9999ms), std::nullopt);
  EXPECT_EQ(limiter.admit("a", kStart + 10s), 2U);
  EXPECT_EQ(limiter.admit("a", kStart + 20s), 0U);
}

TEST(RateLimiter, KindsDoNotDisturbEachOther) {
  RateLimiter limiter(10s);
  EXPECT_EQ(limiter.admit("a", kStart), 0U);
  EXPECT_EQ(limiter.admit("b", kStart), 0U);
  EXPECT_EQ(limiter.admit("b", kStart), std::nullopt);
}

TEST(RateLimiter, WithoutAnIntervalHoldsNothingBack) {
  RateLimiter limiter(0s);
  EXPECT_EQ(limiter.admit("a", kStart), 0U);
  EXPECT_EQ(limiter.admit("a", kStart), 0U);
}

TEST(RateLimiter, KindsBeyondItsBoundShareOnePlace) {
  RateLimiter limiter(10s);
  for (std::size_t i = 0; i < RateLimiter::kMaxKinds; ++i)
    EXPECT_EQ(limiter.admit(std::to_string(i), kStart), 0U);
  EXPECT_EQ(limiter.admit("one more", kStart), 0U);
  EXPECT_EQ(limiter.admit("another", kStart), std::nullopt);
  EXPECT_EQ(limiter.admit("0", kStart + 10s), 0U);
}

}  // namespace
}  // namespace hilera
