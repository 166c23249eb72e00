#include "daemon/sim/tally.h"

#include <nlohmann/json.hpp>

namespace hilera::sim {
namespace {

nlohmann::ordered_json milliseconds(std::optional<std::chrono::microseconds> latency) {
  if (!latency) return nullptr;
  return static_cast<double>(latency->count()) / 1000;
}

double rounded_seconds(std::chrono::nanoseconds elapsed) {
  const auto whole = std::chrono::round<std::chrono::milliseconds>(elapsed).count();
  return static_cast<double>(whole) / 1000;
}

}  // namespace

std::string summary_json(const Tally& tally, std::string_view codec, std::size_t devices,
                         std::chrono::nanoseconds elapsed) {
  const nlohmann::ordered_json summary = {
      {"codec", codec},
      {"devices", devices},
      {"seconds", rounded_seconds(elapsed)},
      {"sent", tally.sent},
      {"records", tally.records},
      {"datagrams", tally.datagrams},
      {"send_failed", tally.send_failed},
      {"resent", tally.resent},
      {"acked", tally.acked},
      {"unacked", tally.unacked},
      {"refused", tally.refused},
      {"duplicate_acks", tally.duplicate_acks},
      {"unexpected", tally.unexpected},
      {"replayed", tally.replayed},
      {"forged", tally.forged},
      {"keep_alives", tally.keep_alives},
      {"downlinks", tally.downlinks},
      {"p50_ms", milliseconds(tally.ack_latency.quantile(0.50))},
      {"p99_ms", milliseconds(tally.ack_latency.quantile(0.99))},
  };
  return summary.dump();
}

}  // namespace hilera::sim
