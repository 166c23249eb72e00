#include "ingest/prefix_rate.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/ingest/fakes.h"

namespace ingest {
namespace {

using namespace std::chrono_literals;
using testing::loopback;

constexpr greenrt::Clock::time_point kBegin{1h};

int taken(PrefixRate& rate, const greenrt::SocketAddress& source, greenrt::Clock::time_point now, int offered) {
  int count = 0;
  for (int i = 0; i < offered; ++i)
    count += rate.take(source, now) ? 1 : 0;
  return count;
}

greenrt::SocketAddress ipv6(const std::string& host) {
  return greenrt::SocketAddress::parse(host, 1000).value();
}

TEST(PrefixRate, IsOffUnlessAskedFor) {
  PrefixRate rate;
  EXPECT_EQ(taken(rate, loopback("192.0.2.1", 1), kBegin, 10'000), 10'000);
}

TEST(PrefixRate, TakesABurstAndThenTheRate) {
  PrefixRate rate({.per_second = 10, .burst = 5});
  const auto source = loopback("192.0.2.1", 1);
  EXPECT_EQ(taken(rate, source, kBegin, 100), 5);
  EXPECT_EQ(taken(rate, source, kBegin + 99ms, 100), 0);
  EXPECT_EQ(taken(rate, source, kBegin + 100ms, 100), 1);
  EXPECT_EQ(taken(rate, source, kBegin + 350ms, 100), 2);
  EXPECT_EQ(taken(rate, source, kBegin + 1h, 100), 5) << "silence fills it up to the burst and no further";
  int sum = 0;
  for (auto time = kBegin + 1h; time < kBegin + 1h + 10s; time += 1ms)
    sum += taken(rate, source, time, 3);
  EXPECT_NEAR(sum, 100, 1);
}

TEST(PrefixRate, ANetworkIsA24OrA64WhateverThePort) {
  PrefixRate rate({.per_second = 1, .burst = 1});
  EXPECT_TRUE(rate.take(loopback("192.0.2.1", 1), kBegin));
  EXPECT_FALSE(rate.take(loopback("192.0.2.255", 2), kBegin));
  EXPECT_TRUE(rate.take(loopback("192.0.3.1", 1), kBegin));
  EXPECT_FALSE(rate.take(ipv6("::ffff:192.0.3.7"), kBegin)) << "the same over an IPv6 socket";
  EXPECT_TRUE(rate.take(ipv6("2001:db8:0:1::1"), kBegin));
  EXPECT_FALSE(rate.take(ipv6("2001:db8:0:1:ffff::"), kBegin));
  EXPECT_TRUE(rate.take(ipv6("2001:db8:0:2::1"), kBegin));
}

TEST(PrefixRate, NetworksThatFloodHoldUpFewOthers) {
  PrefixRate rate({.per_second = 1, .burst = 1});
  for (int network = 0; network < 1000; ++network)
    taken(rate, ipv6("2001:db8:1:" + std::to_string(network) + "::"), kBegin, 20);
  int refused = 0;
  for (int network = 0; network < 1000; ++network)
    refused += rate.take(ipv6("2001:db8:2:" + std::to_string(network) + "::"), kBegin) ? 0 : 1;
  EXPECT_LT(refused, 100);
}

TEST(PrefixRate, AnotherRateCountsFromTheNextDatagramOn) {
  PrefixRate rate({.per_second = 1, .burst = 1});
  const auto source = loopback("192.0.2.1", 1);
  EXPECT_EQ(taken(rate, source, kBegin, 10), 1);
  rate.set_options({.per_second = 1, .burst = 4});
  EXPECT_EQ(taken(rate, source, kBegin, 10), 3);
  rate.set_options({});
  EXPECT_EQ(taken(rate, source, kBegin, 10), 10);
}

}  // namespace
}  // namespace ingest
