#include "ingest/counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace ingest {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr std::array<std::string_view, 2> kReasons{"too_short", "bad_magic"};

TEST(ReasonCounter, ShowsEveryReasonBeforeItIsNeeded) {
  const ReasonCounter counter(kReasons);
  EXPECT_THAT(counter.counts(), ElementsAre(Pair("too_short", 0), Pair("bad_magic", 0)));
  EXPECT_EQ(counter.total(), 0u);
}

TEST(ReasonCounter, CountsByReason) {
  ReasonCounter counter(kReasons);
  counter.add("bad_magic");
  counter.add("too_short");
  counter.add("bad_magic");
  EXPECT_THAT(counter.counts(), ElementsAre(Pair("too_short", 1), Pair("bad_magic", 2)));
  EXPECT_EQ(counter.total(), 3u);
}

TEST(ReasonCounter, CountsAReasonThatWasNotAnnounced) {
  ReasonCounter counter(kReasons);
  counter.add("surprise");
  counter.add("surprise");
  EXPECT_THAT(counter.counts(), ElementsAre(Pair("too_short", 0), Pair("bad_magic", 0), Pair("surprise", 2)));
  EXPECT_EQ(counter.total(), 2u);
}

TEST(PipelineCounters, CountsDropsByReason) {
  PipelineCounters counters;
  counters.drop(DropReason::kInFlightLimit);
  counters.drop(DropReason::kInternalError);
  counters.drop(DropReason::kInternalError);
  EXPECT_THAT(counters.dropped, ElementsAre(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2));
  EXPECT_EQ(counters.dropped_total(), 3u);
}

TEST(PipelineCounters, EveryDropReasonHasANameOfItsOwn) {
  EXPECT_EQ(static_cast<std::size_t>(DropReason::kInternalError) + 1, kDropReasonNames.size());
  EXPECT_EQ(std::set(kDropReasonNames.begin(), kDropReasonNames.end()).size(), kDropReasonNames.size());
}

}  // namespace
}  // namespace ingest
