// What a shard does about each class of error: one test for each line of the table.

#include "daemon/remedy.h"

#include <gtest/gtest.h>

namespace hilera {
namespace {

using namespace std::chrono_literals;
using db::ErrorClass;

TEST(Remedy, ADeadlockIsTriedAgainAtOnceAFewTimes) {
  const Remedy& remedy = remedy_for(ErrorClass::kRetry);
  EXPECT_EQ(remedy.attempts_at_once, 3u);
  EXPECT_FALSE(remedy.alarm);
}

TEST(Remedy, ALockWaitIsTriedAgainAtOnceAFewTimes) {
  const Remedy& remedy = remedy_for(ErrorClass::kRollbackRetry);
  EXPECT_EQ(remedy.attempts_at_once, 3u);
  EXPECT_FALSE(remedy.alarm);
}

TEST(Remedy, ALostConnectionIsTriedAgainAfterAShortPauseWithoutAnAlarm) {
  const Remedy& remedy = remedy_for(ErrorClass::kReconnect);
  EXPECT_EQ(remedy.attempts_at_once, 0u);
  EXPECT_EQ(remedy.first_pause, 10ms);
  EXPECT_EQ(remedy.longest_pause, 1000ms);
  EXPECT_FALSE(remedy.alarm);
}

TEST(Remedy, ADuplicateThatIsNotOursNeedsSomebody) {
  EXPECT_TRUE(remedy_for(ErrorClass::kDuplicate).alarm);
}

TEST(Remedy, ATooLargeStatementIsMadeSmallerAtOnce) {
  const Remedy& remedy = remedy_for(ErrorClass::kSplit);
  EXPECT_TRUE(remedy.smaller_statements);
  EXPECT_GE(remedy.attempts_at_once, 12u) << "from 4 MiB down to 1 KiB";
  EXPECT_FALSE(remedy.alarm);
}

TEST(Remedy, ARefusalThatCannotBeIsolatedNeedsSomebody) {
  const Remedy& remedy = remedy_for(ErrorClass::kPoisonRow);
  EXPECT_TRUE(remedy.alarm);
  EXPECT_EQ(remedy.longest_pause, 30s);
}

TEST(Remedy, WrongTablesOrRightsNeedSomebodyAndAreTriedSlowly) {
  const Remedy& remedy = remedy_for(ErrorClass::kStopAndAlarm);
  EXPECT_TRUE(remedy.alarm);
  EXPECT_EQ(remedy.attempts_at_once, 0u);
  EXPECT_EQ(remedy.first_pause, 1s);
  EXPECT_EQ(remedy.longest_pause, 30s);
}

TEST(Remedy, AServerThatCannotTakeItIsWaitedFor) {
  const Remedy& remedy = remedy_for(ErrorClass::kWait);
  EXPECT_EQ(remedy.attempts_at_once, 0u);
  EXPECT_EQ(remedy.first_pause, 100ms);
  EXPECT_FALSE(remedy.alarm);
}

TEST(Remedy, OnlyATooLargeStatementIsMadeSmaller) {
  for (const auto& [code, error_class] : db::classified_codes())
    EXPECT_EQ(remedy_for(error_class).smaller_statements, error_class == ErrorClass::kSplit) << code;
}

}  // namespace
}  // namespace hilera
