#include "ingest/admission.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "ingest/keyed_hash.h"
#include "tests/ingest/fakes.h"

namespace ingest {
namespace {

const greenrt::SocketAddress kHere = testing::loopback("192.0.2.1", 1000);
const greenrt::SocketAddress kOtherPort = testing::loopback("192.0.2.1", 1001);
const greenrt::SocketAddress kOtherHost = testing::loopback("192.0.2.2", 1000);

Admission::Decision admit(Admission& admission, const greenrt::SocketAddress& source, std::string_view serial) {
  return admission.admit(source, keyed_hash(as_bytes(serial)));
}

TEST(Admission, ATicketIsADatagramInFlight) {
  Admission admission({});
  EXPECT_EQ(admission.in_flight(), 0u);
  {
    const auto first = admit(admission, kHere, "A");
    const auto second = admit(admission, kHere, "B");
    EXPECT_TRUE(first.ticket);
    EXPECT_TRUE(second.ticket);
    EXPECT_EQ(admission.in_flight(), 2u);
  }
  EXPECT_EQ(admission.in_flight(), 0u);
}

TEST(Admission, AMovedTicketCountsOnce) {
  Admission admission({});
  {
    auto decision = admit(admission, kHere, "A");
    const Admission::Ticket taken(std::move(*decision.ticket));
    decision.ticket.reset();
    EXPECT_EQ(admission.in_flight(), 1u);
  }
  EXPECT_EQ(admission.in_flight(), 0u);
}

TEST(Admission, RefusesBeyondTheLimitOfAllDatagrams) {
  Admission admission({.in_flight = 2, .in_flight_per_source = 2});
  auto first = admit(admission, kHere, "A");
  const auto second = admit(admission, kOtherHost, "B");
  const auto third = admit(admission, kOtherPort, "C");
  EXPECT_FALSE(third.ticket);
  EXPECT_EQ(third.refusal, DropReason::kInFlightLimit);

  first.ticket.reset();
  EXPECT_TRUE(admit(admission, kOtherPort, "C").ticket);
}

TEST(Admission, RefusesTheSourceThatFloodsAndNobodyElse) {
  Admission admission({.in_flight = 10, .in_flight_per_source = 1});
  auto flooding = admit(admission, kHere, "A");
  ASSERT_TRUE(flooding.ticket);

  const auto refused = admit(admission, kHere, "A");
  EXPECT_FALSE(refused.ticket);
  EXPECT_EQ(refused.refusal, DropReason::kSourceLimit);
  EXPECT_EQ(admission.in_flight(), 1u) << "a refusal takes nothing";

  EXPECT_TRUE(admit(admission, kHere, "B").ticket) << "another device behind the same address";
  EXPECT_TRUE(admit(admission, kOtherPort, "A").ticket);
  EXPECT_TRUE(admit(admission, kOtherHost, "A").ticket);

  flooding.ticket.reset();
  EXPECT_TRUE(admit(admission, kHere, "A").ticket);
}

TEST(Admission, TakesAnAddressForTheSameInEitherFamily) {
  Admission admission({.in_flight = 10, .in_flight_per_source = 1});
  const auto held = admit(admission, kHere, "A");
  EXPECT_FALSE(admit(admission, testing::loopback("::ffff:192.0.2.1", 1000), "A").ticket);
}

TEST(Admission, DatagramsWithoutASerialAreOneSource) {
  Admission admission({.in_flight = 10, .in_flight_per_source = 1});
  const auto nameless = admit(admission, kHere, "");
  EXPECT_TRUE(nameless.ticket);
  EXPECT_FALSE(admit(admission, kHere, "").ticket);
}

// A hundred sources at their limit leave everybody else alone, but for one in 26 000: (100 / 2^14)^2.
TEST(Admission, AFloodFromManySourcesTakesNothingFromTheOthers) {
  constexpr std::uint16_t kFlooding = 100;
  constexpr std::uint16_t kOthers = 10'000;
  Admission admission({.in_flight = 20'000, .in_flight_per_source = 64});
  std::vector<Admission::Ticket> held;
  for (std::uint16_t port = 1; port <= kFlooding; ++port) {
    for (int i = 0; i < 64; ++i)
      held.push_back(std::move(admit(admission, testing::loopback("192.0.2.1", port), "A").ticket.value()));
    EXPECT_FALSE(admit(admission, testing::loopback("192.0.2.1", port), "A").ticket);
  }
  std::size_t refused = 0;
  for (std::uint16_t port = 1; port <= kOthers; ++port)
    refused += admit(admission, testing::loopback("192.0.2.2", port), "A").ticket ? 0 : 1;
  EXPECT_LE(refused, 10u) << "0.4 are to be expected";
}

// The smallest limit and the most sources: of the other sources nearly all get theirs.
TEST(Admission, IsLargeEnoughForWhateverItsLimitsAllow) {
  Admission admission({.in_flight = 20'000, .in_flight_per_source = 1});
  std::vector<Admission::Ticket> held;
  std::size_t refused = 0;
  for (std::uint16_t port = 1; port <= 19'000; ++port) {
    auto decision = admit(admission, testing::loopback("192.0.2.1", port), "A");
    decision.ticket ? held.push_back(std::move(*decision.ticket)) : void(++refused);
  }
  EXPECT_LE(refused, 19'000u / 64);
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
      auto decision = admit(admission, testing::loopback("192.0.2.1", port), "A");
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
