#include "ingest/admission.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/ingest/fakes.h"

namespace ingest {
namespace {

const greenrt::SocketAddress kHere = testing::loopback("192.0.2.1", 1000);
const greenrt::SocketAddress kOtherPort = testing::loopback("192.0.2.1", 1001);
const greenrt::SocketAddress kOtherHost = testing::loopback("192.0.2.2", 1000);

TEST(Admission, ATicketIsADatagramInFlight) {
  Admission admission({});
  EXPECT_EQ(admission.in_flight(), 0u);
  {
    const auto first = admission.admit(kHere, "A");
    const auto second = admission.admit(kHere, "B");
    EXPECT_TRUE(first.ticket);
    EXPECT_TRUE(second.ticket);
    EXPECT_EQ(admission.in_flight(), 2u);
  }
  EXPECT_EQ(admission.in_flight(), 0u);
}

TEST(Admission, AMovedTicketCountsOnce) {
  Admission admission({});
  {
    auto decision = admission.admit(kHere, "A");
    const Admission::Ticket taken(std::move(*decision.ticket));
    decision.ticket.reset();
    EXPECT_EQ(admission.in_flight(), 1u);
  }
  EXPECT_EQ(admission.in_flight(), 0u);
}

TEST(Admission, RefusesBeyondTheLimitOfAllDatagrams) {
  Admission admission({.in_flight = 2, .in_flight_per_source = 2});
  auto first = admission.admit(kHere, "A");
  const auto second = admission.admit(kOtherHost, "B");
  const auto third = admission.admit(kOtherPort, "C");
  EXPECT_FALSE(third.ticket);
  EXPECT_EQ(third.refusal, DropReason::kInFlightLimit);

  first.ticket.reset();
  EXPECT_TRUE(admission.admit(kOtherPort, "C").ticket);
}

TEST(Admission, RefusesTheSourceThatFloodsAndNobodyElse) {
  Admission admission({.in_flight = 10, .in_flight_per_source = 1});
  auto flooding = admission.admit(kHere, "A");
  ASSERT_TRUE(flooding.ticket);

  const auto refused = admission.admit(kHere, "A");
  EXPECT_FALSE(refused.ticket);
  EXPECT_EQ(refused.refusal, DropReason::kSourceLimit);
  EXPECT_EQ(admission.in_flight(), 1u) << "a refusal takes nothing";

  EXPECT_TRUE(admission.admit(kHere, "B").ticket) << "another device behind the same address";
  EXPECT_TRUE(admission.admit(kOtherPort, "A").ticket);
  EXPECT_TRUE(admission.admit(kOtherHost, "A").ticket);

  flooding.ticket.reset();
  EXPECT_TRUE(admission.admit(kHere, "A").ticket);
}

TEST(Admission, TakesAnAddressForTheSameInEitherFamily) {
  Admission admission({.in_flight = 10, .in_flight_per_source = 1});
  const auto held = admission.admit(kHere, "A");
  EXPECT_FALSE(admission.admit(testing::loopback("::ffff:192.0.2.1", 1000), "A").ticket);
}

TEST(Admission, ASerialThatNoDeviceCanHaveIsOneSourceToo) {
  Admission admission({.in_flight = 10, .in_flight_per_source = 1});
  const auto nameless = admission.admit(kHere, "");
  const auto endless = admission.admit(kHere, std::string(5000, 'x'));
  EXPECT_TRUE(nameless.ticket);
  EXPECT_TRUE(endless.ticket);
  EXPECT_FALSE(admission.admit(kHere, "").ticket);
  EXPECT_FALSE(admission.admit(kHere, std::string(6000, 'x')).ticket) << "told apart by the beginning only";
}

TEST(Admission, NeverHoldsMoreThanItsLimitsAndEndsEmpty) {
  constexpr std::size_t kInFlight = 20;
  constexpr std::size_t kPerSource = 3;
  std::mt19937 random(7);
  Admission admission({.in_flight = kInFlight, .in_flight_per_source = kPerSource});
  std::vector<std::pair<std::uint16_t, Admission::Ticket>> held;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0 && !held.empty()) {
      const auto victim = random() % held.size();
      std::vector<std::pair<std::uint16_t, Admission::Ticket>> rest;
      for (std::size_t i = 0; i < held.size(); ++i)
        if (i != victim) rest.push_back(std::move(held[i]));
      held.swap(rest);
    } else {
      const auto port = static_cast<std::uint16_t>(random() % 10);
      auto decision = admission.admit(testing::loopback("192.0.2.1", port), "A");
      const auto of_source = static_cast<std::size_t>(
          std::count_if(held.begin(), held.end(), [port](const auto& each) { return each.first == port; }));
      const bool room = held.size() < kInFlight && of_source < kPerSource;
      ASSERT_EQ(decision.ticket.has_value(), room);
      if (decision.ticket) held.emplace_back(port, std::move(*decision.ticket));
    }
    ASSERT_EQ(admission.in_flight(), held.size());
  }
  held.clear();
  EXPECT_EQ(admission.in_flight(), 0u);
}

}  // namespace
}  // namespace ingest
