#include "daemon/ctl/rates.h"

#include <nlohmann/json.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/ctl/document.h"

namespace hilera::ctl {
namespace {

using nlohmann::json;

constexpr double kHigh = 0.99;

json change(std::optional<double> earlier, std::optional<double> later, double seconds) {
  if (!earlier || !later || seconds <= 0 || *later < *earlier) return {};
  return (*later - *earlier) / seconds;
}

std::optional<double> over_listeners(const json& status, std::string_view path) {
  const json& listeners = at(status, "listeners");
  if (!listeners.is_array()) return std::nullopt;
  double sum = 0;
  for (const json& listener : listeners)
    sum += number_at(listener, path).value_or(0);
  return sum;
}

const json& listener_of(const json& status, const json& name) {
  static const json missing;
  const json& listeners = at(status, "listeners");
  if (!listeners.is_array()) return missing;
  for (const json& listener : listeners)
    if (at(listener, "name") == name) return listener;
  return missing;
}

std::vector<double> numbers(const json& list) {
  std::vector<double> values;
  if (!list.is_array()) return values;
  for (const json& value : list)
    values.push_back(value.is_number() ? value.get<double>() : 0);
  return values;
}

// As even within a bucket; what exceeds every bound counts as the last one.
double quantile(const std::vector<double>& bounds, const std::vector<double>& counts, double left) {
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const double from = i == 0 ? 0 : bounds[i - 1];
    if (left <= counts[i]) return from + (bounds[i] - from) * left / counts[i];
    left -= counts[i];
  }
  return bounds.back();
}

json latency(const json& earlier, const json& later) {
  const std::vector<double> bounds = numbers(at(later, "bounds"));
  const std::vector<double> before = numbers(at(earlier, "counts"));
  std::vector<double> counts = numbers(at(later, "counts"));
  if (bounds.empty() || counts.size() != bounds.size() + 1 || before.size() != counts.size()) return {};
  double total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i)
    total += counts[i] -= before[i];
  if (total <= 0) return {};
  return {{"median", quantile(bounds, counts, total / 2)}, {"high", quantile(bounds, counts, total * kHigh)}};
}

}  // namespace

json rates_between(const json& earlier, const json& later) {
  const double seconds =
      number_at(later, "uptime_seconds").value_or(0) - number_at(earlier, "uptime_seconds").value_or(0);
  const bool same_run = earlier.is_object() && seconds > 0;
  const auto of = [&](const char* path) {
    return same_run ? change(number_at(earlier, path), number_at(later, path), seconds) : json();
  };
  const auto of_all = [&](const char* path) {
    return same_run ? change(over_listeners(earlier, path), over_listeners(later, path), seconds) : json();
  };
  json rates{{"received", of("ledger.intake.received")},
             {"accepted", of("ledger.intake.accepted")},
             {"control", of("ledger.intake.control")},
             {"rejected", of("ledger.intake.rejected")},
             {"dropped", of("ledger.intake.dropped")},
             {"kernel_drops", of_all("kernel_drops")},
             {"acks", of_all("acks_sent")},
             {"records", of("ledger.store.accepted")},
             {"stored", of("ledger.store.stored")},
             {"commits", of("journal.commits")},
             {"listeners", json::object()},
             {"latency", json::object()}};
  const json& listeners = at(later, "listeners");
  if (listeners.is_array()) {
    for (const json& listener : listeners) {
      const json& name = at(listener, "name");
      if (!name.is_string()) continue;
      rates["listeners"][name.get<std::string>()] =
          same_run ? change(number_at(listener_of(earlier, name), "received"), number_at(listener, "received"), seconds)
                   : json();
    }
  }
  for (const char* name : {"ack", "store", "hub_lag"}) {
    const std::string path = std::string("latency.") + name;
    rates["latency"][name] = same_run ? latency(at(earlier, path), at(later, path)) : json();
  }
  return rates;
}

}  // namespace hilera::ctl
