#include "daemon/frame_row.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

namespace hilera {
namespace {

std::string text(std::int64_t milliseconds_since_1970) {
  const auto datetime = DatetimeText::of(milliseconds_since_1970);
  return datetime ? std::string(datetime->view()) : "none";
}

TEST(DatetimeText, HasMilliseconds) {
  EXPECT_EQ(text(0), "1970-01-01 00:00:00.000");
  EXPECT_EQ(text(1), "1970-01-01 00:00:00.001");
  EXPECT_EQ(text(1'560'161'086'000), "2019-06-10 10:04:46.000");
}

TEST(DatetimeText, KnowsTheCalendar) {
  EXPECT_EQ(text(951'782'400'000), "2000-02-29 00:00:00.000");
  EXPECT_EQ(text(4'107'542'399'999), "2100-02-28 23:59:59.999");
  EXPECT_EQ(text(4'107'542'400'000), "2100-03-01 00:00:00.000");
}

TEST(DatetimeText, GoesBackBeyond1970) {
  EXPECT_EQ(text(-1), "1969-12-31 23:59:59.999");
  EXPECT_EQ(text(-86'400'000), "1969-12-31 00:00:00.000");
}

TEST(DatetimeText, EndsWhereTheColumnEnds) {
  EXPECT_EQ(text(-30'610'224'000'000), "1000-01-01 00:00:00.000");
  EXPECT_EQ(text(-30'610'224'000'001), "none");
  EXPECT_EQ(text(253'402'300'799'999), "9999-12-31 23:59:59.999");
  EXPECT_EQ(text(253'402'300'800'000), "none");
  EXPECT_EQ(text(std::numeric_limits<std::int64_t>::min()), "none");
  EXPECT_EQ(text(std::numeric_limits<std::int64_t>::max()), "none");
}

// What the database answers: the arrival and the digest of the row under the key.
RecordOutcome outcome(std::int64_t arrival, std::string_view digest) {
  db::Rows answer;
  answer.set_columns({"arrival", "digest"});
  answer.add_int64(arrival);
  std::memcpy(answer.add_bytes(digest.size()), digest.data(), digest.size());
  ingest::Datagram datagram;
  datagram.arrival = 1000;
  const ingest::Record record{.bytes = {}, .device_time = {}, .frame_id = 1, .digest = 0x4142'4344'4546'4748};
  return classify_answer(answer[0], datagram, record);
}

TEST(ClassifyAnswer, TellsStoredDuplicateAndConflict) {
  EXPECT_EQ(outcome(1000, "ABCDEFGH"), RecordOutcome::kStored);
  EXPECT_EQ(outcome(999, "ABCDEFGH"), RecordOutcome::kDuplicate);
  EXPECT_EQ(outcome(1001, "ABCDEFGH"), RecordOutcome::kDuplicate);
  EXPECT_EQ(outcome(999, "ABCDEFGX"), RecordOutcome::kConflict);
}

TEST(ClassifyAnswer, CallsOtherContentAConflictWhoeverBroughtIt) {
  EXPECT_EQ(outcome(1000, "ABCDEFGX"), RecordOutcome::kConflict) << "two records of one datagram under one key";
  EXPECT_EQ(outcome(1000, "ABCDEFG"), RecordOutcome::kConflict) << "another length";
}

}  // namespace
}  // namespace hilera
