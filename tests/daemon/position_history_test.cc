#include "daemon/position_history.h"

#include <gtest/gtest.h>

namespace hilera {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const auto kBegin = greenrt::Clock::time_point(hours(100));

TEST(PositionHistory, StandsWhereItBegan) {
  const PositionHistory history(seconds(60), 7);
  EXPECT_EQ(history.lowest(kBegin), 7);
}

TEST(PositionHistory, GoesBackToWhereItStoodASpanAgo) {
  PositionHistory history(seconds(60), 0);
  for (int second = 0; second <= 600; ++second)
    history.note(10 * second, kBegin + seconds(second));
  const auto lowest = history.lowest(kBegin + seconds(600));
  EXPECT_LE(lowest, 5400) << "never too high";
  EXPECT_GE(lowest, 5380) << "and hardly too low";
}

TEST(PositionHistory, IsInNoDoubtOfWhatIsOlderThanTheSpan) {
  PositionHistory history(seconds(60), 0);
  history.note(100, kBegin);
  history.note(200, kBegin + milliseconds(10));
  EXPECT_EQ(history.lowest(kBegin + seconds(59)), 0);
  EXPECT_EQ(history.lowest(kBegin + seconds(61)), 200);
}

TEST(PositionHistory, ReachesBackOverAPause) {
  PositionHistory history(seconds(60), 0);
  history.note(100, kBegin);
  history.note(200, kBegin + hours(1));
  EXPECT_EQ(history.lowest(kBegin + hours(1)), 100);
}

TEST(PositionHistory, RemembersThatItHasBeenMovedBack) {
  PositionHistory history(seconds(60), 0);
  history.note(1000, kBegin);
  history.note(300, kBegin + seconds(100));
  history.note(1000, kBegin + seconds(101));
  EXPECT_EQ(history.lowest(kBegin + seconds(120)), 300);
  EXPECT_EQ(history.lowest(kBegin + seconds(170)), 1000);
}

TEST(PositionHistory, SeesEveryDipHoweverOftenItIsNoted) {
  PositionHistory history(seconds(60), 0);
  for (int i = 1; i <= 100'000; ++i)
    history.note(i == 99'500 ? 5 : 100'000 + i, kBegin + milliseconds(i));
  EXPECT_EQ(history.lowest(kBegin + milliseconds(100'001)), 5);
  EXPECT_EQ(history.lowest(kBegin + seconds(159)), 5);
  EXPECT_EQ(history.lowest(kBegin + seconds(161)), 200'000);
}

TEST(PositionHistory, WithoutASpanKnowsNothingButNow) {
  PositionHistory history(seconds(0), 0);
  history.note(100, kBegin);
  history.note(200, kBegin + milliseconds(1));
  EXPECT_EQ(history.lowest(kBegin + milliseconds(1)), 200);
}

}  // namespace
}  // namespace hilera
