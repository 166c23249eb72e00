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
  EXPECT_EQ(history.lowest(), 7);
}

TEST(PositionHistory, GoesBackToWhereItStoodASpanAgo) {
  PositionHistory history(seconds(60), 0);
  for (int second = 0; second <= 600; ++second)
    history.note(10 * second, kBegin + seconds(second));
  EXPECT_LE(history.lowest(), 5400) << "never too high";
  EXPECT_GE(history.lowest(), 5380) << "and hardly too low";
}

TEST(PositionHistory, IsInNoDoubtOfWhatIsOlderThanTheSpan) {
  PositionHistory history(seconds(60), 0);
  history.note(100, kBegin);
  history.note(200, kBegin + seconds(10));
  EXPECT_EQ(history.lowest(), 0);
  history.note(300, kBegin + seconds(71));
  EXPECT_EQ(history.lowest(), 200);
}

TEST(PositionHistory, CountsFromTheLastCommitHoweverLateALossIsFound) {
  PositionHistory history(seconds(60), 0);
  history.note(100, kBegin);
  history.note(200, kBegin + seconds(50));
  history.note(200, kBegin + hours(1));
  EXPECT_EQ(history.lowest(), 0) << "nothing was committed in that hour";
}

TEST(PositionHistory, ReachesBackOverAPause) {
  PositionHistory history(seconds(60), 0);
  history.note(100, kBegin);
  history.note(200, kBegin + hours(1));
  EXPECT_EQ(history.lowest(), 100);
}

TEST(PositionHistory, RemembersWhatWasCommittedBehindIt) {
  PositionHistory history(seconds(60), 0);
  history.note(1000, kBegin);
  history.note_older(300, kBegin + seconds(100));
  EXPECT_EQ(history.lowest(), 300);
  history.note(1001, kBegin + seconds(102));
  EXPECT_EQ(history.lowest(), 300);
  history.note(1002, kBegin + seconds(170));
  EXPECT_EQ(history.lowest(), 1001);
  history.note_older(2000, kBegin + seconds(171));
  EXPECT_EQ(history.lowest(), 1001) << "that is not behind it";
}

TEST(PositionHistory, SeesEveryDipHoweverOftenItIsNoted) {
  PositionHistory history(seconds(60), 0);
  for (int i = 1; i <= 170'000; ++i) {
    history.note(100'000 + i, kBegin + milliseconds(i));
    if (i == 99'500) history.note_older(5, kBegin + milliseconds(i));
    if (i == 100'000 || i == 159'000) {
      EXPECT_EQ(history.lowest(), 5);
    }
  }
  EXPECT_GT(history.lowest(), 200'000);
}

TEST(PositionHistory, WithoutASpanKnowsNothingButNow) {
  PositionHistory history(seconds(0), 0);
  history.note(100, kBegin);
  history.note(200, kBegin + milliseconds(1));
  EXPECT_EQ(history.lowest(), 200);
}

}  // namespace
}  // namespace hilera
