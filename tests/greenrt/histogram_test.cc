#include "greenrt/histogram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

TEST(Histogram, CountsEachObservationInTheFirstBucketThatHoldsIt) {
  Histogram histogram{1, 2, 4};
  for (const double value : {0.5, 1.0, 1.5, 2.0, 4.0, 5.0, 100.0})
    histogram.observe(value);
  EXPECT_THAT(histogram.counts(), ElementsAre(2, 2, 1, 2));
  EXPECT_EQ(histogram.count(), 7u);
  EXPECT_DOUBLE_EQ(histogram.sum(), 114.0);
}

TEST(Histogram, StartsEmpty) {
  const Histogram histogram{1};
  EXPECT_THAT(histogram.counts(), ElementsAre(0, 0));
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.sum(), 0.0);
}

TEST(Histogram, TakesDurationsAsSeconds) {
  Histogram histogram{0.1, 1};
  histogram.observe(100ms);
  histogram.observe(2min);
  EXPECT_THAT(histogram.counts(), ElementsAre(1, 0, 1));
  EXPECT_DOUBLE_EQ(histogram.sum(), 120.1);
}

TEST(Histogram, BoundsOfLatenciesAscend) {
  const Histogram histogram = Histogram::latency();
  EXPECT_TRUE(std::is_sorted(histogram.bounds().begin(), histogram.bounds().end()));
  EXPECT_EQ(histogram.counts().size(), histogram.bounds().size() + 1);
}

}  // namespace
}  // namespace greenrt
