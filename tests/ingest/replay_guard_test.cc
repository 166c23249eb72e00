#include "ingest/replay_guard.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace ingest {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;
using std::chrono::nanoseconds;
using Standing = ReplayGuard::Standing;

constexpr nanoseconds kNow = 1'700'000'000s;
constexpr std::int64_t kArrival = microseconds(kNow / 1us).count();

Decoded with_counter(std::uint64_t counter) {
  Decoded decoded;
  decoded.counter = counter;
  return decoded;
}

Decoded with_readings(std::initializer_list<Reading> readings) {
  Decoded decoded;
  decoded.readings = readings;
  return decoded;
}

ReplayGuard after_restart(const ReplayGuard& guard) {
  ReplayGuard again;
  again.merge(ReplayWindow(guard.window().highest(), guard.window().bits()));
  return again;
}

TEST(ReplayGuard, WhatHasNothingToTellIsNewAlways) {
  ReplayGuard guard;
  guard.mark({}, kArrival);
  EXPECT_EQ(guard.standing({}), Standing::kNew);
}

TEST(ReplayGuard, NumbersStandInTheirWindow) {
  ReplayGuard guard;
  guard.mark(with_counter(2000), kArrival);
  EXPECT_EQ(guard.standing(with_counter(2000)), Standing::kSeen);
  EXPECT_EQ(guard.standing(with_counter(1999)), Standing::kNew);
  EXPECT_EQ(guard.standing(with_counter(2)), Standing::kTooOld);
  EXPECT_EQ(after_restart(guard).standing(with_counter(2000)), Standing::kSeen);
}

TEST(ReplayGuard, ADatagramOneOfWhoseReadingsIsNewIsNew) {
  ReplayGuard guard;
  const auto first = with_readings({{.series = 1, .time = kNow}, {.series = 2, .time = kNow}});
  EXPECT_EQ(guard.standing(first), Standing::kNew);
  guard.mark(first, kArrival);
  EXPECT_EQ(guard.standing(first), Standing::kSeen);
  EXPECT_EQ(guard.standing(with_readings({{.series = 1, .time = kNow}, {.series = 3, .time = kNow - 1s}})),
            Standing::kNew)
      << "a series that was not heard of";
  EXPECT_EQ(guard.standing(with_readings({{.series = 1, .time = kNow}, {.series = 2, .time = kNow + 1ns}})),
            Standing::kNew);
}

TEST(ReplayGuard, ADatagramBeforeTheLastOneIsTooOld) {
  ReplayGuard guard;
  const auto first = with_readings({{.series = 1, .time = kNow - 10s}, {.series = 1, .time = kNow - 5s}});
  const auto second = with_readings({{.series = 1, .time = kNow}});
  guard.mark(first, kArrival);
  EXPECT_EQ(guard.standing(first), Standing::kSeen) << "also when it has several of one series";
  guard.mark(second, kArrival);
  EXPECT_EQ(guard.standing(first), Standing::kTooOld);
  EXPECT_EQ(guard.standing(second), Standing::kSeen);
}

TEST(ReplayGuard, AClockThatIsWrongForOnceSilencesNobody) {
  ReplayGuard guard;
  const auto ahead = with_readings({{.series = 1, .time = kNow + ReplayGuard::kLatitude + 1s}});
  guard.mark(ahead, kArrival);
  EXPECT_EQ(guard.standing(ahead), Standing::kNew);
  EXPECT_EQ(guard.standing(with_readings({{.series = 1, .time = kNow}})), Standing::kNew);
  EXPECT_TRUE(guard.window().empty());
}

TEST(ReplayGuard, AfterARestartTheLastHourIsOpenAndWhatIsOlderIsNot) {
  ReplayGuard before;
  before.mark(with_readings({{.series = 1, .time = kNow + 7ns}, {.series = 2, .time = kNow - 2h}}), kArrival);
  EXPECT_EQ(before.window().highest(), std::uint64_t{1'700'000'000} << 32 | 7);
  const ReplayGuard guard = after_restart(before);
  EXPECT_EQ(guard.standing(with_readings({{.series = 2, .time = kNow - 2h}})), Standing::kTooOld);
  EXPECT_EQ(guard.standing(with_readings({{.series = 9, .time = kNow + 7ns - 1h}})), Standing::kSeen);
  EXPECT_EQ(guard.standing(with_readings({{.series = 9, .time = kNow + 8ns - 1h}})), Standing::kNew);
}

TEST(ReplayGuard, ATimeThatTheTableCannotHoldIsNotItsNewest) {
  ReplayGuard guard;
  guard.mark(with_readings({{.series = 1, .time = -1s}}), kArrival);
  EXPECT_TRUE(guard.window().empty());
  EXPECT_EQ(guard.standing(with_readings({{.series = 1, .time = -1s}})), Standing::kSeen);
}

}  // namespace
}  // namespace ingest
