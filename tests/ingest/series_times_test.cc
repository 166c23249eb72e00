#include "ingest/series_times.h"

#include <gtest/gtest.h>

namespace ingest {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

TEST(SeriesTimes, KnowsNothingAtFirst) {
  EXPECT_EQ(SeriesTimes().last(1), nanoseconds::min());
}

TEST(SeriesTimes, KnowsTheLastReadingOfEachSeries) {
  SeriesTimes times;
  times.mark({.series = 1, .time = 20s});
  times.mark({.series = 2, .time = 10s});
  times.mark({.series = 1, .time = 15s});
  EXPECT_EQ(times.last(1), 20s) << "what is older changes nothing";
  EXPECT_EQ(times.last(2), 10s);
  EXPECT_EQ(times.last(3), nanoseconds::min());
}

TEST(SeriesTimes, NothingIsBeforeTheFloor) {
  SeriesTimes times;
  times.mark({.series = 1, .time = 5s});
  times.raise_floor(10s);
  times.raise_floor(8s);
  EXPECT_EQ(times.last(1), 10s);
  EXPECT_EQ(times.last(2), 10s);
  times.mark({.series = 2, .time = 10s});
  EXPECT_EQ(times.size(), 1u) << "what is not new takes no room";
}

TEST(SeriesTimes, ForgetsThoseThatWereSilentLongestAndTakesNothingOldOfThem) {
  SeriesTimes times;
  for (std::size_t i = 0; i <= SeriesTimes::kMost; ++i)
    times.mark({.series = i, .time = std::chrono::seconds(i)});
  EXPECT_LE(times.size(), SeriesTimes::kMost / 2 + 1);
  const auto floor = times.last(0);
  EXPECT_GE(floor, 1s) << "of a forgotten one, not its own";
  EXPECT_LT(floor, std::chrono::seconds(SeriesTimes::kMost));
  EXPECT_EQ(times.last(SeriesTimes::kMost), std::chrono::seconds(SeriesTimes::kMost));
  for (std::size_t i = 0; i <= SeriesTimes::kMost; ++i)
    ASSERT_GE(times.last(i), std::chrono::seconds(i)) << "each reading is still known to have been seen";
}

TEST(SeriesTimes, OfMoreThanItHoldsWithOneTimeNoneIsTakenForSeen) {
  SeriesTimes times;
  for (std::size_t i = 0; i <= SeriesTimes::kMost; ++i)
    times.mark({.series = i, .time = 10s});
  EXPECT_EQ(times.size(), SeriesTimes::kMost);
  EXPECT_EQ(times.last(0), 10s);
  EXPECT_LT(times.last(SeriesTimes::kMost), 10s) << "there was no room for it";
  EXPECT_LT(times.last(1'000'000), 10s) << "it was never here";
  times.mark({.series = 0, .time = 20s});
  EXPECT_EQ(times.last(0), 20s) << "those that are known go on";
}

}  // namespace
}  // namespace ingest
