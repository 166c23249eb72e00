#include "daemon/ledger.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hilera {
namespace {

TEST(Ledger, BalancesWhenEverythingIsAccountedFor) {
  Ledger ledger;
  EXPECT_TRUE(ledger.balanced());
  ledger.intake = {.received = 15, .accepted = 5, .control = 4, .rejected = 3, .dropped = 2, .in_flight = 1};
  ledger.store = {.found_at_start = 5,
                  .accepted = 10,
                  .stored = 5,
                  .duplicate = 4,
                  .dead_lettered = 3,
                  .quarantined = 2,
                  .pending = 1};
  EXPECT_TRUE(ledger.balanced());
}

TEST(Ledger, DoesNotBalanceWhenOneSideLosesOrInvents) {
  Ledger lost;
  lost.intake.received = 1;
  EXPECT_FALSE(lost.balanced());
  Ledger invented;
  invented.store.stored = 1;
  EXPECT_FALSE(invented.balanced());
}

TEST(Ledger, IsJson) {
  Ledger ledger;
  ledger.intake = {.received = 2, .rejected = 2};
  const auto json = nlohmann::json::parse(ledger.json());
  EXPECT_EQ(json["intake"]["received"], 2);
  EXPECT_EQ(json["intake"]["rejected"], 2);
  EXPECT_EQ(json["store"]["pending"], 0);
  EXPECT_EQ(json["balanced"], true);
}

}  // namespace
}  // namespace hilera
