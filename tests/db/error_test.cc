#include "db/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace db {
namespace {

using enum ErrorClass;

class ErrorTable : public ::testing::TestWithParam<ClassifiedCode> {};

TEST_P(ErrorTable, Classifies) {
  EXPECT_EQ(classify(GetParam().code, "HY000"), GetParam().error_class) << GetParam().code;
}

INSTANTIATE_TEST_SUITE_P(
    Codes, ErrorTable,
    ::testing::ValuesIn(std::vector<ClassifiedCode>{
        {1213, kRetry},        {1205, kRollbackRetry}, {1969, kRollbackRetry}, {1317, kRollbackRetry},
        {1020, kRetry},        {2002, kReconnect},     {2003, kReconnect},     {2005, kReconnect},
        {2006, kReconnect},    {2013, kReconnect},     {2055, kReconnect},     {1053, kReconnect},
        {1927, kReconnect},    {1047, kReconnect},     {1040, kReconnect},     {1203, kReconnect},
        {1129, kReconnect},    {4031, kReconnect},     {1062, kDuplicate},     {1153, kSplit},
        {2020, kSplit},        {1048, kPoisonRow},     {1264, kPoisonRow},     {1265, kPoisonRow},
        {1292, kPoisonRow},    {1366, kPoisonRow},     {1406, kPoisonRow},     {1452, kPoisonRow},
        {1644, kPoisonRow},    {4025, kPoisonRow},     {1044, kStopAndAlarm},  {1045, kStopAndAlarm},
        {1049, kStopAndAlarm}, {1054, kStopAndAlarm},  {1142, kStopAndAlarm},  {1143, kStopAndAlarm},
        {1146, kStopAndAlarm}, {1021, kWait},          {1030, kWait},          {1114, kWait},
        {1206, kWait},         {1226, kWait},          {1290, kWait},          {1792, kWait},
        {1836, kWait},
    }),
    [](const auto& each) { return std::to_string(each.param.code); });

TEST(ErrorClasses, HaveATableWithoutFurtherLines) {
  EXPECT_EQ(classified_codes().size(), 45u) << "a line of the table is not tested above";
}

TEST(ErrorClasses, TakeUnknownCodesOfTheClientForALostConnection) {
  EXPECT_EQ(classify(2027, "HY000"), kReconnect);
  EXPECT_EQ(classify(5014, "HY000"), kReconnect);
}

TEST(ErrorClasses, JudgeUnknownCodesOfTheServerBySqlstate) {
  EXPECT_EQ(classify(9999, "22007"), kPoisonRow);
  EXPECT_EQ(classify(9999, "23000"), kPoisonRow);
  EXPECT_EQ(classify(9999, "08S01"), kReconnect);
  EXPECT_EQ(classify(9999, "40001"), kRetry);
}

TEST(ErrorClasses, StopAtWhatNobodyKnows) {
  EXPECT_EQ(classify(9999, "HY000"), kStopAndAlarm);
  EXPECT_EQ(classify(9999, "42000"), kStopAndAlarm);
  EXPECT_EQ(classify(9999, ""), kStopAndAlarm);
}

TEST(Error, TellsAServerThatCannotStoreAnythingFromAnErrorOfTheStatement) {
  for (const unsigned code : {1047U, 1290U, 1792U, 1836U})
    EXPECT_TRUE(Error(code, "HY000", "").makes_host_unfit()) << code;
  for (const unsigned code : {1040U, 1205U, 1213U, 1146U, 2013U})
    EXPECT_FALSE(Error(code, "HY000", "").makes_host_unfit()) << code;
}

TEST(Error, TellsAServerWithTooManyConnections) {
  for (const unsigned code : {1040U, 1203U, 1226U})
    EXPECT_TRUE(Error(code, "42000", "").is_crowded_host()) << code;
  EXPECT_FALSE(Error(1129, "HY000", "").is_crowded_host());
}

TEST(ErrorClasses, HaveNamesForMetrics) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < kErrorClasses; ++i)
    names.push_back(to_string(static_cast<ErrorClass>(i)));
  EXPECT_THAT(names, ::testing::ElementsAre("retry", "rollback_retry", "reconnect", "duplicate", "split", "poison_row",
                                            "stop_and_alarm", "wait"));
}

TEST(Error, SaysWhatTheServerSaid) {
  const Error error(1062, "23000", "Duplicate entry");
  EXPECT_EQ(error.code(), 1062u);
  EXPECT_EQ(error.sqlstate(), "23000");
  EXPECT_EQ(error.error_class(), kDuplicate);
  EXPECT_STREQ(error.what(), "Duplicate entry (1062)");
}

TEST(Error, BreaksTheConnectionWhenItIsLostOrOutOfStep) {
  EXPECT_TRUE(Error(2013, "HY000", "").breaks_connection());
  EXPECT_TRUE(Error(2020, "HY000", "").breaks_connection());
  EXPECT_TRUE(Error(1047, "08S01", "").breaks_connection());
  EXPECT_TRUE(Error(1153, "08S01", "").breaks_connection());
  EXPECT_TRUE(DeadlineError("").breaks_connection());
}

TEST(Error, LeavesTheConnectionUsableWhenAStatementIsRefused) {
  EXPECT_FALSE(Error(1062, "23000", "").breaks_connection());
  EXPECT_FALSE(Error(1213, "40001", "").breaks_connection());
  EXPECT_FALSE(Error(1146, "42S02", "").breaks_connection());
}

TEST(ErrorCounts, CountByClass) {
  ErrorCounts counts;
  counts.count(kRetry);
  counts.count(kRetry);
  counts.count(kWait);
  EXPECT_EQ(counts[kRetry], 2u);
  EXPECT_EQ(counts[kWait], 1u);
  EXPECT_EQ(counts[kSplit], 0u);
}

}  // namespace
}  // namespace db
