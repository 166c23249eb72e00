#include "daemon/ctl/progress.h"

#include <gtest/gtest.h>

#include <sstream>

namespace hilera::ctl {
namespace {

using namespace std::chrono_literals;

TEST(Progress, SaysHowMuchOfHowMuchAndHowFast) {
  EXPECT_EQ(describe_progress(1200, 5000, 4s), "1200 of 5000 (24 %), 300 a second, 12 s left");
  EXPECT_EQ(describe_progress(5000, 5000, 4s), "5000 of 5000 (100 %), 1250 a second");
  EXPECT_EQ(describe_progress(70, 0, 7s), "70, 10 a second");
  EXPECT_EQ(describe_progress(0, 10, 0s), "0 of 10 (0 %)");
}

TEST(Progress, IsDrawnInItsPlaceNotTooOften) {
  std::ostringstream notes;
  const auto began = Progress::Clock::now();
  Progress progress(notes, true, began);
  progress.note(1, 4, began + 1s);
  progress.note(2, 4, began + 1100ms);
  progress.note(3, 4, began + 3s);
  EXPECT_EQ(notes.str(), "\r\x1b[K1 of 4 (25 %), 1 a second, 3 s left\r\x1b[K3 of 4 (75 %), 1 a second, 1 s left");
  notes.str("");
  progress.clear();
  EXPECT_EQ(notes.str(), "\r\x1b[K");
  progress.clear();
  EXPECT_EQ(notes.str(), "\r\x1b[K") << "there was nothing more";
}

TEST(Progress, NothingReachesWhatIsNoTerminal) {
  std::ostringstream notes;
  {
    Progress progress(notes, false);
    progress.note(1, 4);
    progress.clear();
  }
  EXPECT_EQ(notes.str(), "");
}

}  // namespace
}  // namespace hilera::ctl
