#include "greenrt/deadline.h"

#include <gtest/gtest.h>

namespace greenrt {
namespace {

using namespace std::chrono_literals;

TEST(Deadline, IsNeverByDefault) {
  const Deadline deadline;
  EXPECT_TRUE(deadline.is_never());
  EXPECT_TRUE(Deadline::never().is_never());
  EXPECT_FALSE(deadline.expired());
  EXPECT_EQ(deadline.remaining(), Duration::max());
}

TEST(Deadline, IsMadeFromADurationOfAnyUnit) {
  const auto before = Clock::now();
  const Deadline deadline = 90min;
  EXPECT_GE(deadline.time(), before + 90min);
  EXPECT_FALSE(deadline.expired());
  EXPECT_LE(deadline.remaining(), 90min);
  EXPECT_GT(deadline.remaining(), Duration::zero());
  EXPECT_GT(Deadline(1.5h).time(), before + 80min);
}

TEST(Deadline, OfZeroOrLessHasExpired) {
  for (const auto duration : {std::chrono::hours(0), std::chrono::hours(-1), std::chrono::hours::min()}) {
    const Deadline deadline(duration);
    EXPECT_TRUE(deadline.expired());
    EXPECT_EQ(deadline.remaining(), Duration::zero());
  }
}

TEST(Deadline, ThatLiesBeyondTheClockIsNever) {
  EXPECT_TRUE(Deadline(std::chrono::hours::max()).is_never());
  EXPECT_TRUE(Deadline(Duration::max()).is_never());
  EXPECT_TRUE(Deadline(std::chrono::duration<double>(1e30)).is_never());
}

TEST(Deadline, IsAPointInTime) {
  const auto when = Clock::now() + 1h;
  EXPECT_EQ(Deadline::at(when).time(), when);
}

TEST(Deadline, SoonerIsTheEarlierOne) {
  const Deadline near(1s);
  const Deadline far(1h);
  EXPECT_EQ(near.sooner(far).time(), near.time());
  EXPECT_EQ(far.sooner(near).time(), near.time());
  EXPECT_EQ(Deadline::never().sooner(near).time(), near.time());
  EXPECT_EQ(near.sooner(Deadline::never()).time(), near.time());
}

}  // namespace
}  // namespace greenrt
