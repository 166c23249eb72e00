#include "daemon/control_commands.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

#include "daemon/control_protocol.h"
#include "daemon/units.h"
#include "db/error.h"

namespace hilera {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr std::size_t kLongestSerial = 127;         // column downlink.nserie
constexpr std::size_t kLongestPayload = 60 * 1024;  // no datagram carries more
constexpr std::uint32_t kDefaultRows = 50;
constexpr std::uint32_t kMostRows = 10'000;
constexpr std::uint32_t kMostAttempts = 100;

// The argument of that name, none when it is missing; refuses one of another type.
template <typename Value>
std::optional<Value> optional_argument(const json& arguments, const char* name) {
  const auto found = arguments.find(name);
  if (found == arguments.end() || found->is_null()) return std::nullopt;
  try {
    return found->template get<Value>();
  } catch (const json::exception&) {
    throw ControlError(std::string(name) + " has the wrong type");
  }
}

template <typename Value>
Value required_argument(const json& arguments, const char* name) {
  if (auto value = optional_argument<Value>(arguments, name)) return *std::move(value);
  throw ControlError(std::string(name) + " is missing");
}

// A whole number in a range. Read as signed first: JSON would turn a negative one into a large one.
std::optional<std::uint32_t> number_argument(const json& arguments, const char* name, std::uint32_t most) {
  const auto value = optional_argument<std::int64_t>(arguments, name);
  if (!value) return std::nullopt;
  if (*value < 1 || *value > most) throw ControlError(std::string(name) + " must be from 1 to " + std::to_string(most));
  return static_cast<std::uint32_t>(*value);
}

std::optional<seconds> duration_argument(const json& arguments, const char* name) {
  const auto text = optional_argument<std::string>(arguments, name);
  if (!text) return std::nullopt;
  const auto duration = parse_duration(*text);
  if (!duration) throw ControlError(std::string(name) + " is not a duration such as 5min");
  return std::chrono::ceil<seconds>(*duration);
}

std::string serial_argument(const json& arguments) {
  auto nserie = required_argument<std::string>(arguments, "nserie");
  const bool printable_ascii = std::all_of(nserie.begin(), nserie.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (nserie.empty() || nserie.size() > kLongestSerial || !printable_ascii) {
    throw ControlError("nserie must be 1 to 127 printable ASCII characters");
  }
  return nserie;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  throw ControlError("payload must be hexadecimal digits");
}

std::vector<std::byte> payload_argument(const json& arguments) {
  const auto hex = required_argument<std::string>(arguments, "payload");
  if (hex.empty() || hex.size() % 2 != 0) throw ControlError("payload must be pairs of hexadecimal digits");
  if (hex.size() / 2 > kLongestPayload) throw ControlError("payload is too long for a datagram");
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(hex_digit(hex[i]) * 16 + hex_digit(hex[i + 1])));
  }
  return bytes;
}

// The database's own words are for the operator.
template <typename Call>
auto tell_database_errors(Call call) {
  try {
    return call();
  } catch (const db::Error& error) {
    throw ControlError(std::string("the database: ") + error.what());
  }
}

json add_downlink(DownlinkTable& table, const json& arguments) {
  const DownlinkTable::NewDownlink downlink{.nserie = serial_argument(arguments),
                                            .payload = payload_argument(arguments),
                                            .delay = duration_argument(arguments, "not_before_in"),
                                            .expires_in = duration_argument(arguments, "expires_in"),
                                            .max_attempts = number_argument(arguments, "max_attempts", kMostAttempts)};
  return {{"id", tell_database_errors([&] { return table.add(downlink); })}};
}

json list_downlinks(DownlinkTable& table, const json& arguments) {
  const auto nserie = optional_argument<std::string>(arguments, "nserie").value_or("");
  const auto state = optional_argument<std::string>(arguments, "state").value_or("");
  const auto limit = number_argument(arguments, "limit", kMostRows).value_or(kDefaultRows);
  json downlinks = json::array();
  for (const auto& row : tell_database_errors([&] { return table.list(nserie, state, limit); })) {
    downlinks.push_back({{"id", row.id},
                         {"nserie", row.nserie},
                         {"state", row.state},
                         {"created_at", row.created_at},
                         {"attempts", row.attempts},
                         {"sent_at", row.sent_at},
                         {"last_error", row.last_error},
                         {"payload_size", row.payload_size}});
  }
  return {{"downlinks", std::move(downlinks)}};
}

json cancel_downlink(DownlinkTable& table, const json& arguments) {
  const auto id = required_argument<std::uint64_t>(arguments, "id");
  return {{"cancelled", tell_database_errors([&] { return table.cancel(id); })}};
}

}  // namespace

ControlServer::Commands control_commands(const Status& status, DownlinkTable& downlinks) {
  return {
      {std::string(control::kStatus), {false, [&status](const json&) { return status.document(); }}},
      {std::string(control::kDownlinkAdd), {true, [&](const json& args) { return add_downlink(downlinks, args); }}},
      {std::string(control::kDownlinkList), {false, [&](const json& args) { return list_downlinks(downlinks, args); }}},
      {std::string(control::kDownlinkCancel),
       {true, [&](const json& args) { return cancel_downlink(downlinks, args); }}},
  };
}

}  // namespace hilera
