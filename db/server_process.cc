#include "db/server_process.h"

#include <charconv>
#include <chrono>
#include <cstdint>

namespace db {
namespace {

// The server rounds the present and its beginning down, each to a second.
constexpr std::chrono::seconds kRounding{1};

}  // namespace

ServerProcess identify_server(const HostFacts& facts, greenrt::Clock::time_point asked,
                              greenrt::Clock::time_point answered) {
  const std::string_view uptime = fact(facts, "Uptime");
  std::int64_t seconds = 0;
  const auto [end, failure] = std::from_chars(uptime.data(), uptime.data() + uptime.size(), seconds);
  if (failure != std::errc() || end != uptime.data() + uptime.size()) return {};
  const std::chrono::seconds age(seconds);
  std::string where(fact(facts, "hostname"));
  for (const std::string_view name : {"port", "datadir"})
    where.append(" ").append(fact(facts, name));
  return {
      .where = std::move(where), .began_after = asked - age - kRounding, .began_before = answered - age + kRounding};
}

bool is_same_process(const ServerProcess& one, const ServerProcess& other) {
  return !one.where.empty() && one.where == other.where && one.began_after < other.began_before &&
         other.began_after < one.began_before;
}

}  // namespace db
