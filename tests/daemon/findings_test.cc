#include "daemon/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>
#include <string>

namespace hilera {
namespace {

TEST(Findings, EachReasonAndEachTroubleHasAnAdviceOfItsOwn) {
  std::set<std::string> drops;
  for (std::size_t i = 0; i < ingest::kDropReasonNames.size(); ++i)
    drops.insert(advice_for(static_cast<ingest::DropReason>(i)));
  EXPECT_EQ(drops.size(), ingest::kDropReasonNames.size());

  std::set<std::string> troubles;
  for (const auto trouble :
       {DatabaseTrouble::kAway, DatabaseTrouble::kRefused, DatabaseTrouble::kUnfit, DatabaseTrouble::kTables})
    troubles.insert(advice_for(trouble));
  EXPECT_EQ(troubles.size(), 4u);
}

TEST(Findings, ABufferIsRaisedWhereItWasGiven) {
  EXPECT_THAT(advice_for_kernel_drops(true), ::testing::HasSubstr("ReceiveBuffer="));
  EXPECT_THAT(advice_for_kernel_drops(false), ::testing::HasSubstr("receive_buffer"));
}

TEST(Findings, AreADocumentThatTellsWhatIsWrongFromWhatIsWorthALook) {
  EXPECT_EQ(document_of({{Finding::Severity::kProblem, "a", "b"}, {Finding::Severity::kNotice, "c", "d"}}),
            nlohmann::json::parse(R"([{"severity": "problem", "what": "a", "advice": "b"},
                                      {"severity": "notice", "what": "c", "advice": "d"}])"));
  EXPECT_EQ(document_of(std::vector<Finding>()), nlohmann::json::array());
}

}  // namespace
}  // namespace hilera
