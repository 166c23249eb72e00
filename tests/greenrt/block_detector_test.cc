#include "greenrt/block_detector.h"

#include <gtest/gtest.h>

namespace greenrt {
namespace {

using namespace std::chrono_literals;

// Looks every 25 ms for a block of 100 ms.
struct Watch {
  bool look(std::uint64_t switches, bool polling = false, Duration after = 25ms) {
    now += after;
    return detector.look(now, switches, polling);
  }

  Clock::time_point now = Clock::now();
  BlockDetector detector{100ms};
};

TEST(BlockDetector, TellsOfABlockOnce) {
  Watch watch;
  watch.look(7);
  int told = 0;
  for (int i = 0; i < 40; ++i)
    told += watch.look(7) ? 1 : 0;
  EXPECT_EQ(told, 1);
  EXPECT_EQ(watch.detector.blocked_for(), 1000ms);
}

TEST(BlockDetector, TellsOfItAtTheLimit) {
  Watch watch;
  watch.look(7);
  EXPECT_FALSE(watch.look(7));
  EXPECT_FALSE(watch.look(7));
  EXPECT_FALSE(watch.look(7));
  EXPECT_TRUE(watch.look(7));
  EXPECT_EQ(watch.detector.blocked_for(), 100ms);
}

TEST(BlockDetector, TellsOfTheNextOne) {
  Watch watch;
  int told = 0;
  for (const std::uint64_t switches : {1u, 2u}) {
    for (int i = 0; i < 10; ++i)
      told += watch.look(switches) ? 1 : 0;
  }
  EXPECT_EQ(told, 2);
}

TEST(BlockDetector, SeesNoneWhereGreenletsTakeTurns) {
  Watch watch;
  for (std::uint64_t switches = 0; switches < 100; ++switches)
    EXPECT_FALSE(watch.look(switches));
}

TEST(BlockDetector, SeesNoneInAPoll) {
  Watch watch;
  for (int i = 0; i < 100; ++i)
    EXPECT_FALSE(watch.look(7, true));
  EXPECT_FALSE(watch.look(7)) << "what ran before the poll does not count";
}

TEST(BlockDetector, TellsOfABlockOnceThoughTheTellingTakesLong) {
  Watch watch;
  watch.look(7);
  int told = 0;
  for (int i = 0; i < 40; ++i) {
    const bool found = watch.look(7, false, i == 4 ? 1s : 25ms);
    told += found ? 1 : 0;
  }
  EXPECT_EQ(told, 1);
}

TEST(BlockDetector, ProvesNothingAfterAStopOfTheWholeProcess) {
  Watch watch;
  watch.look(7);
  EXPECT_FALSE(watch.look(7, false, 1h));
  EXPECT_FALSE(watch.look(7));
}

}  // namespace
}  // namespace greenrt
