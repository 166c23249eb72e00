#include "ingest/recent_datagrams.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>

#include "tests/ingest/fakes.h"

namespace ingest {
namespace {

using Standing = RecentDatagrams::Standing;

RecentDatagrams::Fingerprint of(std::string_view text, const Codec& codec = *find_codec("native")) {
  return RecentDatagrams::fingerprint(codec, as_bytes(text));
}

TEST(RecentDatagrams, KnowsADatagramFromWhenItIsOnItsWay) {
  RecentDatagrams recent;
  EXPECT_EQ(recent.standing(of("A")), Standing::kNew);
  RecentDatagrams::Way way(recent, of("A"));
  EXPECT_EQ(recent.standing(of("A")), Standing::kUnderWay);
  EXPECT_EQ(recent.standing(of("B")), Standing::kNew);
  way.keep();
  EXPECT_EQ(recent.standing(of("A")), Standing::kKept);
}

TEST(RecentDatagrams, ForgetsWhatDidNotArrive) {
  RecentDatagrams recent;
  { const RecentDatagrams::Way way(recent, of("A")); }
  EXPECT_EQ(recent.standing(of("A")), Standing::kNew);
}

TEST(RecentDatagrams, TheEndOfAWayLeavesWhatCameAfterIt) {
  RecentDatagrams recent;
  std::optional<RecentDatagrams::Way> first(std::in_place, recent, of("A"));
  RecentDatagrams::Way again(recent, of("A"));
  again.keep();
  first.reset();
  EXPECT_EQ(recent.standing(of("A")), Standing::kKept);
}

TEST(RecentDatagrams, TheSameBytesInAnotherCodecAreAnother) {
  EXPECT_NE(of("A"), of("A", *find_codec("semtech")));
}

TEST(RecentDatagrams, FingerprintsOfManyDatagramsDiffer) {
  std::set<RecentDatagrams::Fingerprint> seen;
  for (int i = 0; i < 100'000; ++i)
    seen.insert(of(std::to_string(i)));
  EXPECT_EQ(seen.size(), 100'000u);
}

TEST(RecentDatagrams, FullOfOthersItTakesADatagramForNewAndForgetsOnlyOlderOnes) {
  RecentDatagrams recent;
  for (int i = 0; i < 2'000'000; ++i)
    RecentDatagrams::Way(recent, of(std::to_string(i))).keep();
  int known = 0;
  for (int i = 1'990'000; i < 2'000'000; ++i)
    known += recent.standing(of(std::to_string(i))) == Standing::kKept ? 1 : 0;
  EXPECT_GT(known, 9'500);
  EXPECT_EQ(recent.standing(of("1999999")), Standing::kKept);
}

}  // namespace
}  // namespace ingest
