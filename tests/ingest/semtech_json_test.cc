#include "ingest/semtech_json.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "ingest/semtech_frame.h"
#include "tests/ingest/semtech_vectors.h"

namespace ingest::semtech {
namespace {

using ingest::testing::kFskPacket;
using ingest::testing::kThreePackets;
using ingest::testing::rxpk;
using Outcome = DownlinkAnswer::Outcome;

std::string fault_of_push(std::string_view body) {
  std::vector<Record> records;
  return std::string(scan_push(as_bytes(body), records));
}

std::vector<std::string> objects_of(std::string_view body) {
  std::vector<Record> records;
  EXPECT_EQ(scan_push(as_bytes(body), records), "") << body;
  std::vector<std::string> objects;
  for (const Record& record : records)
    objects.push_back(std::string(kind_of(as_bytes(body), record.bytes)) + std::string(as_text(record.bytes)));
  return objects;
}

std::optional<std::int64_t> time_of(std::string_view body) {
  std::vector<Record> records;
  EXPECT_EQ(scan_push(as_bytes(body), records), "") << body;
  return records.at(0).device_time;
}

using Strings = std::vector<std::string>;

TEST(SemtechPush, HasARecordPerPacketAndOneForTheStatistic) {
  EXPECT_EQ(objects_of(rxpk(kFskPacket)), Strings{"rxpk" + std::string(kFskPacket)});
  EXPECT_EQ(objects_of(kThreePackets).size(), 3u);
  EXPECT_EQ(objects_of(testing::kStatistic).size(), 1u);
  EXPECT_EQ(objects_of(R"({"rxpk":[{"a":1},{"b":{"c":[{}]}}],"stat":{"d":2}})"),
            (Strings{R"(rxpk{"a":1})", R"(rxpk{"b":{"c":[{}]}})", R"(stat{"d":2})"}));
}

TEST(SemtechPush, FindsItsRecordsWhateverTheWhitespaceAndTheOrder) {
  EXPECT_EQ(objects_of("\n{ \"stat\" :\t{ } , \"rxpk\" : [ {} ,\r\n {\"a\" : \"}]\" } ] }  "),
            (Strings{"stat{ }", "rxpk{}", R"(rxpk{"a" : "}]" })"}));
}

TEST(SemtechPush, LeavesOutMembersThatItDoesNotKnow) {
  EXPECT_EQ(objects_of("{}"), Strings{});
  EXPECT_EQ(objects_of(R"({"rxpk":[]})"), Strings{});
  EXPECT_EQ(objects_of(R"({"x":[{"rxpk":[{}]}],"y":{"stat":{}},"stat":{},"z":null})"), Strings{"stat{}"});
  EXPECT_EQ(objects_of(R"({"stat":{"rxpk":[{}],"stat":{}}})"), Strings{R"(stat{"rxpk":[{}],"stat":{}})"});
}

TEST(SemtechPush, RefusesWhatHasAnotherShape) {
  for (const std::string_view body :
       {"1", "[]", "null", R"({"rxpk":{}})", R"({"rxpk":1})", R"({"rxpk":[1]})", R"({"rxpk":[[]]})", R"({"rxpk":null})",
        R"({"rxpk":[{},1]})", R"({"stat":[]})", R"({"stat":[{}]})", R"({"stat":"x"})", R"({"stat":null})"}) {
    EXPECT_EQ(fault_of_push(body), reason::kJsonShape) << body;
  }
}

TEST(SemtechPush, RefusesWhatIsNoStrictJson) {
  EXPECT_EQ(fault_of_push(""), reason::kJsonSyntax);
  EXPECT_EQ(fault_of_push(R"({"rxpk":[{}]}x)"), reason::kJsonSyntax);
  EXPECT_EQ(fault_of_push(R"({"rxpk":[{}])"), reason::kJsonSyntax);
  EXPECT_EQ(fault_of_push(R"({"rxpk":[],"rxpk":[]})"), reason::kJsonDuplicate);
  EXPECT_EQ(fault_of_push(R"({"rxpk":[{"tmst":1,"tmst":2}]})"), reason::kJsonDuplicate);
  EXPECT_EQ(fault_of_push(R"({"rxpk":[{"a":[[[[[[1]]]]]]}]})"), reason::kJsonDepth);
}

TEST(SemtechPush, HasABoundOnItsRecords) {
  std::string many = "{}";
  for (std::size_t i = 1; i < kMaxRecords; ++i)
    many += ",{}";
  EXPECT_EQ(objects_of(rxpk(many)).size(), kMaxRecords);
  EXPECT_EQ(fault_of_push(rxpk(many + ",{}")), reason::kTooManyRecords);
  EXPECT_EQ(fault_of_push(R"({"rxpk":[)" + many + R"(],"stat":{}})"), reason::kTooManyRecords);
}

TEST(SemtechPush, TakesTheTimeOfARecordFromItself) {
  EXPECT_EQ(time_of(kThreePackets), 1364746877528);
  EXPECT_EQ(time_of(testing::kStatistic), 1389517168000);
  EXPECT_EQ(time_of(rxpk(kFskPacket)), std::nullopt);
  EXPECT_EQ(time_of(rxpk(R"({"tmms":1167264018000})")), 1483228800000);
  EXPECT_EQ(time_of(rxpk(R"({"tmms":1167264018000,"time":"2013-03-31T16:21:17Z"})")), 1364746877000);
  EXPECT_EQ(time_of(rxpk(R"({"tmms":1167264018000,"time":"soon"})")), 1483228800000);
  EXPECT_EQ(time_of(rxpk(R"({"tmms":-1,"time":1})")), std::nullopt);
  EXPECT_EQ(time_of(rxpk(R"({"rsig":[{"time":"2013-03-31T16:21:17Z"}],"x":{"tmms":1167264018000}})")), std::nullopt);
  EXPECT_EQ(time_of(R"({"time":"2013-03-31T16:21:17Z","stat":{}})"), std::nullopt);
}

TEST(SemtechPush, GivesNoRecordTheTimeOfAnother) {
  std::vector<Record> records;
  ASSERT_EQ(scan_push(as_bytes(R"({"rxpk":[{"time":"2013-03-31T16:21:17Z"},{}]})"), records), "");
  EXPECT_EQ(records.at(1).device_time, std::nullopt);
}

std::pair<Outcome, std::string> outcome_of(std::string_view body) {
  DownlinkAnswer answer{.id = 7, .id_bits = 0xFFFF, .outcome = Outcome::kNotNow, .text = "before"};
  EXPECT_EQ(read_tx_ack(as_bytes(body), answer), "") << body;
  EXPECT_EQ(answer.id, 7u);
  return {answer.outcome, std::string(answer.text)};
}

std::string fault_of_ack(std::string_view body) {
  DownlinkAnswer answer;
  return std::string(read_tx_ack(as_bytes(body), answer));
}

TEST(SemtechTxAck, IsSuccessInManyForms) {
  using namespace std::string_view_literals;
  for (const std::string_view body :
       {""sv, "\0"sv, "\0\0\0"sv, "{}"sv, "{}\0\0"sv, R"({"txpk_ack":{}})"sv, R"({"txpk_ack":null})"sv,
        R"({"txpk_ack":{"error":""}})"sv, R"({"txpk_ack":{"error":"NONE"}})"sv, R"({"txpk_ack":{"error":null}})"sv,
        R"({"error":"TOO_LATE"})"sv, R"({"x":{"error":"TOO_LATE"},"txpk_ack":{"y":{"error":"TOO_LATE"}}})"sv}) {
    EXPECT_EQ(outcome_of(body), std::pair(Outcome::kDelivered, std::string())) << body;
  }
}

TEST(SemtechTxAck, FailsWithEachError) {
  for (const std::string error : {"TOO_LATE", "TOO_EARLY", "COLLISION_PACKET", "COLLISION_BEACON", "TX_FREQ",
                                  "TX_POWER", "GPS_UNLOCKED", "INVENTED_LATER_2"}) {
    EXPECT_EQ(outcome_of(R"({"txpk_ack":{"error":")" + error + "\"}}"), std::pair(Outcome::kFailed, error));
  }
}

TEST(SemtechTxAck, NamesNoErrorThatIsNoWord) {
  for (const std::string error : {"lower", "A B", "\\u0041", "\\u0000", "\xE2\x82\xAC"}) {
    EXPECT_EQ(outcome_of(R"({"txpk_ack":{"error":")" + error + "\"}}"),
              std::pair(Outcome::kFailed, std::string("OTHER")))
        << error;
  }
  EXPECT_EQ(outcome_of(R"({"txpk_ack":{"error":")" + std::string(65, 'A') + "\"}}").second, "OTHER");
}

TEST(SemtechTxAck, TellsAWarningOfWhatWasSent) {
  EXPECT_EQ(outcome_of(R"({"txpk_ack":{"warn":"TX_POWER","value":20}})"),
            std::pair(Outcome::kDelivered, std::string("TX_POWER")));
  EXPECT_EQ(outcome_of(R"({"txpk_ack":{"error":"NONE","warn":"TX_POWER"}})").first, Outcome::kDelivered);
  EXPECT_EQ(outcome_of(R"({"txpk_ack":{"warn":"TX_POWER","error":"TOO_LATE"}})"),
            std::pair(Outcome::kFailed, std::string("TOO_LATE")));
}

TEST(SemtechTxAck, RefusesWhatIsNone) {
  for (const std::string_view body :
       {"1", "[]", R"({"txpk_ack":1})", R"({"txpk_ack":[]})", R"({"txpk_ack":"NONE"})", R"({"txpk_ack":{"error":1}})",
        R"({"txpk_ack":{"error":{}}})", R"({"txpk_ack":{"error":[]}})", R"({"txpk_ack":{"warn":false}})"}) {
    EXPECT_EQ(fault_of_ack(body), reason::kJsonShape) << body;
  }
  EXPECT_EQ(fault_of_ack("{} x"), reason::kJsonSyntax);
  EXPECT_EQ(fault_of_ack("ok"), reason::kJsonSyntax);
  EXPECT_EQ(fault_of_ack(R"({"txpk_ack":{"error":"NONE","error":"TOO_LATE"}})"), reason::kJsonDuplicate);
  EXPECT_EQ(fault_of_ack(std::string(20, '[')), reason::kJsonShape);
  EXPECT_EQ(fault_of_ack(R"({"x":)" + std::string(20, '[')), reason::kJsonDepth);
}

}  // namespace
}  // namespace ingest::semtech
