// What has changed between two answers of hilerad.

#pragma once

#include <nlohmann/json_fwd.hpp>

namespace hilera::ctl {

// A second each, from the difference of two status documents: {"received", "accepted", "control", "rejected",
// "dropped", "kernel_drops", "acks", "records", "stored", "commits": n, "listeners": {name: received}, "latency":
// {"ack", "store", "hub_lag": {"median", "high": seconds}}}, where `high` is what 99 % stay below. What is not known is
// null: a latency of which nothing was observed meanwhile, and everything when hilerad was started in between, or
// before the first answer.
nlohmann::json rates_between(const nlohmann::json& earlier, const nlohmann::json& later);

}  // namespace hilera::ctl
