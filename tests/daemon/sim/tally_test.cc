#include "daemon/sim/tally.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>

namespace hilera::sim {
namespace {

using namespace std::chrono_literals;

TEST(Summary, HasWhatWasCounted) {
  Tally tally;
  tally.sent = 10;
  tally.records = 12;
  tally.datagrams = 15;
  tally.send_failed = 1;
  tally.resent = 6;
  tally.acked = 8;
  tally.unacked = 2;
  tally.refused = 3;
  tally.duplicate_acks = 4;
  tally.unexpected = 5;
  tally.replayed = 20;
  tally.forged = 21;
  tally.keep_alives = 22;
  tally.downlinks = 7;
  tally.ack_latency.add(50us);
  const auto summary = nlohmann::json::parse(summary_json(tally, "native", 9, 2500ms));
  EXPECT_EQ(summary, nlohmann::json::parse(R"({"codec":"native","devices":9,"seconds":2.5,"sent":10,"records":12,
      "datagrams":15,"send_failed":1,"resent":6,"acked":8,"unacked":2,"refused":3,"duplicate_acks":4,"unexpected":5,
      "replayed":20,"forged":21,"keep_alives":22,"downlinks":7,"p50_ms":0.05,"p99_ms":0.05})"));
}

TEST(Summary, IsOneLine) {
  EXPECT_EQ(summary_json({}, "native", 1, 1s).find('\n'), std::string::npos);
}

TEST(Summary, HasNoLatencyWhenNothingWasAcknowledged) {
  EXPECT_TRUE(nlohmann::json::parse(summary_json({}, "native", 1, 1s)).at("p50_ms").is_null());
}

}  // namespace
}  // namespace hilera::sim
