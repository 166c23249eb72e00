#include "daemon/ctl/rates.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hilera::ctl {
namespace {

using nlohmann::json;

json status(double uptime, int received, json ack_counts) {
  return {{"uptime_seconds", uptime},
          {"ledger", {{"intake", {{"received", received}}}, {"store", {{"stored", received / 2}}}}},
          {"listeners", {{{"name", "a"}, {"received", received}, {"kernel_drops", received / 10}}}},
          {"latency", {{"ack", {{"bounds", {0.001, 0.01}}, {"counts", std::move(ack_counts)}}}}}};
}

TEST(Rates, AreDifferencesASecond) {
  const json rates = rates_between(status(10, 100, {5, 0, 0}), status(12, 300, {105, 0, 0}));
  EXPECT_EQ(rates["received"], 100);
  EXPECT_EQ(rates["stored"], 50);
  EXPECT_EQ(rates["kernel_drops"], 10);
  EXPECT_EQ(rates["listeners"]["a"], 100);
  EXPECT_EQ(rates["dropped"], json()) << "hilerad does not tell";
}

TEST(Rates, ALatencyIsOfWhatWasObservedInBetween) {
  const json rates = rates_between(status(10, 0, {900, 0, 0}), status(11, 0, {1000, 0, 0}));
  EXPECT_DOUBLE_EQ(rates["latency"]["ack"]["median"], 0.0005);
  EXPECT_DOUBLE_EQ(rates["latency"]["ack"]["high"], 0.00099);
  const json slow = rates_between(status(10, 0, {900, 0, 0}), status(11, 0, {900, 10, 10}));
  EXPECT_DOUBLE_EQ(slow["latency"]["ack"]["median"], 0.01);
  EXPECT_DOUBLE_EQ(slow["latency"]["ack"]["high"], 0.01) << "beyond every bound";
  EXPECT_EQ(rates_between(status(10, 0, {1, 0, 0}), status(11, 0, {1, 0, 0}))["latency"]["ack"], json());
  EXPECT_EQ(rates["latency"]["store"], json());
}

TEST(Rates, AreNotKnownAtFirstAndAfterARestart) {
  for (const json& earlier : {json(), status(100, 5, {0, 0, 0}), status(3, 5, {0, 0, 0})}) {
    const json rates = rates_between(earlier, status(3, 500, {9, 9, 9}));
    EXPECT_EQ(rates["received"], json());
    EXPECT_EQ(rates["listeners"]["a"], json());
    EXPECT_EQ(rates["latency"]["ack"], json());
  }
}

TEST(Rates, DocumentsOfAnotherShapeGiveNone) {
  for (const json& odd : {json::array(), json{{"uptime_seconds", "x"}}, json{{"uptime_seconds", 9}, {"listeners", 5}},
                          json{{"uptime_seconds", 9}, {"latency", {{"ack", {{"bounds", 1}, {"counts", {1}}}}}}}}) {
    EXPECT_EQ(rates_between(status(1, 1, {0, 0, 0}), odd)["received"], json());
    EXPECT_EQ(rates_between(odd, status(20, 1, {0, 0, 0}))["latency"]["store"], json());
  }
}

}  // namespace
}  // namespace hilera::ctl
