#include "ingest/semtech_time.h"

#include <gtest/gtest.h>

#include <limits>

namespace ingest::semtech {
namespace {

TEST(SemtechTime, OfPacketsIsIso8601ToTheMillisecond) {
  EXPECT_EQ(parse_time("2013-03-31T16:21:17.528002Z"), 1364746877528);
  EXPECT_EQ(parse_time("2013-03-31T16:21:17.5Z"), 1364746877500);
  EXPECT_EQ(parse_time("2013-03-31T16:21:17.529999999Z"), 1364746877529) << "cut, not rounded";
  EXPECT_EQ(parse_time("2013-03-31T16:21:17Z"), 1364746877000);
  EXPECT_EQ(parse_time("2016-12-31T23:59:60Z"), 1483228800000) << "a leap second is the next one";
}

TEST(SemtechTime, MayHaveAnOffset) {
  EXPECT_EQ(parse_time("2013-03-31T18:21:17+02:00"), 1364746877000);
  EXPECT_EQ(parse_time("2013-03-31T12:51:17.25-0330"), 1364746877250);
}

TEST(SemtechTime, OfStatisticsIsWrittenOut) {
  EXPECT_EQ(parse_time("2014-01-12 08:59:28 GMT"), 1389517168000);
}

TEST(SemtechTime, IsNoneForAnythingElse) {
  for (const std::string_view text :
       {"", "2013", "2013-03-31", "2013-03-31T16:21:17", "2013-03-31T16:21:17.Z", "2013-03-31T16:21:17Zx",
        "2013-02-30T16:21:17Z", "2013-13-01T16:21:17Z", "2013-03-31T24:21:17Z", "2013-03-31T16:60:17Z",
        "2013-03-31T16:21:61Z", "2013-03-31 16:21:17Z", "2014-01-12 08:59:28 CET", "2014-01-12T08:59:28 GMT",
        "-013-03-31T16:21:17Z", "2013-03-31T16:21:17+24:00", "2013-03-31T16:21:17+2", "2013-03-31T 6:21:17Z"}) {
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
  }
}

TEST(SemtechTime, IsNoneWhenItCannotBeADevices) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:00Z"), std::nullopt);
  EXPECT_EQ(parse_time("1969-12-31T23:59:59Z"), std::nullopt);
  EXPECT_EQ(parse_time("9999-12-31T23:59:59Z"), std::nullopt);
  EXPECT_TRUE(parse_time("2248-01-01T00:00:00Z"));
}

TEST(SemtechTime, OfGpsIsEighteenSecondsAhead) {
  // 2017-01-01T00:00:00Z, the first second with 18 leap seconds.
  EXPECT_EQ(from_gps_time(1167264018000), 1483228800000);
  EXPECT_EQ(from_gps_time(0), std::nullopt);
  EXPECT_EQ(from_gps_time((std::uint64_t{1} << 43) - 1), std::nullopt);
  EXPECT_EQ(from_gps_time(std::numeric_limits<std::uint64_t>::max()), std::nullopt);
}

}  // namespace
}  // namespace ingest::semtech
