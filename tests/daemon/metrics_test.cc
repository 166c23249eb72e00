#include "daemon/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace hilera {
namespace {

TEST(Metrics, AreReadAtTheTimeOfAScrape) {
  Metrics metrics;
  std::uint64_t received = 1;
  metrics.counter("hilera_datagrams_received_total", "Datagrams received.", &received);
  metrics.gauge("hilera_greenlets", "Greenlets alive.", [] { return 3.0; });
  received = 7;
  EXPECT_EQ(metrics.text(),
            "# HELP hilera_datagrams_received_total Datagrams received.\n"
            "# TYPE hilera_datagrams_received_total counter\n"
            "hilera_datagrams_received_total 7\n"
            "# HELP hilera_greenlets Greenlets alive.\n"
            "# TYPE hilera_greenlets gauge\n"
            "hilera_greenlets 3\n");
}

TEST(Metrics, AFamilyHasOneLinePerSetOfLabels) {
  Metrics metrics;
  metrics.counter("hilera_datagrams_rejected_total", "Datagrams rejected.", [](Metrics::Samples& samples) {
    samples.add({{"listener", "a"}, {"reason", "bad_crc"}}, 1);
    samples.add({{"listener", "b\"\n"}, {"reason", "too_long"}}, std::uint64_t{1} << 40);
  });
  EXPECT_EQ(metrics.text(),
            "# HELP hilera_datagrams_rejected_total Datagrams rejected.\n"
            "# TYPE hilera_datagrams_rejected_total counter\n"
            "hilera_datagrams_rejected_total{listener=\"a\",reason=\"bad_crc\"} 1\n"
            "hilera_datagrams_rejected_total{listener=\"b\\\"\\n\",reason=\"too_long\"} 1099511627776\n");
}

TEST(Metrics, AHistogramHasCumulatedBuckets) {
  using namespace std::chrono_literals;
  greenrt::Histogram histogram{0.5, 1, 2};
  for (const auto value : {500ms, 700ms, 2000ms, 3000ms})
    histogram.observe(value);
  Metrics metrics;
  metrics.histogram("hilera_ack_seconds", "Time to the acknowledgement.", &histogram);
  EXPECT_EQ(metrics.text(),
            "# HELP hilera_ack_seconds Time to the acknowledgement.\n"
            "# TYPE hilera_ack_seconds histogram\n"
            "hilera_ack_seconds_count 4\n"
            "hilera_ack_seconds_sum 6.2\n"
            "hilera_ack_seconds_bucket{le=\"0.5\"} 1\n"
            "hilera_ack_seconds_bucket{le=\"1\"} 2\n"
            "hilera_ack_seconds_bucket{le=\"2\"} 3\n"
            "hilera_ack_seconds_bucket{le=\"+Inf\"} 4\n");
}

TEST(Metrics, PauseBetweenFamilies) {
  Metrics metrics;
  std::string order;
  metrics.gauge("hilera_a", "First.", [&] { return order += 'a', 0.0; });
  metrics.gauge("hilera_b", "Second.", [&] { return order += 'b', 0.0; });
  static_cast<void>(metrics.text([&] { order += '-'; }));
  EXPECT_EQ(order, "a-b-");
}

TEST(Metrics, AWrongDeclarationThrows) {
  Metrics metrics;
  const auto zero = [] { return 0.0; };
  const std::uint64_t count = 0;
  EXPECT_THROW(metrics.gauge("greenlets", "No prefix.", zero), std::logic_error);
  EXPECT_THROW(metrics.gauge("hilera_Greenlets", "Upper case.", zero), std::logic_error);
  EXPECT_THROW(metrics.gauge("hilera_x_total", "A gauge is no counter.", zero), std::logic_error);
  EXPECT_THROW(metrics.counter("hilera_x", "A counter ends in _total.", &count), std::logic_error);
  EXPECT_THROW(metrics.gauge("hilera_x", "No sentence", zero), std::logic_error);
  metrics.gauge("hilera_x", "Once.", zero);
  EXPECT_THROW(metrics.gauge("hilera_x", "Twice.", zero), std::logic_error);
}

TEST(Metrics, ASampleOfTheWrongKindThrows) {
  greenrt::Histogram histogram{1};
  Metrics value;
  value.histogram("hilera_x", "Should be a histogram.", [](Metrics::Samples& samples) { samples.add({}, 1); });
  EXPECT_THROW(static_cast<void>(value.text()), std::logic_error);
  Metrics counter;
  counter.gauge("hilera_y", "Should be a value.", [&](Metrics::Samples& samples) { samples.add({}, histogram); });
  EXPECT_THROW(static_cast<void>(counter.text()), std::logic_error);
}

}  // namespace
}  // namespace hilera
