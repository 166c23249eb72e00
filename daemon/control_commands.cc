#include "daemon/control_commands.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "daemon/control_protocol.h"
#include "daemon/units.h"
#include "db/error.h"

namespace hilera {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr std::size_t kLongestSerial = 127;         // column downlink.nserie
constexpr std::size_t kLongestPayload = 60 * 1024;  // no datagram carries more
constexpr std::uint64_t kDefaultRows = 50;
constexpr std::uint64_t kMostRows = 10'000;
constexpr std::uint64_t kMostAttempts = 100;
constexpr std::uint64_t kMostDatagrams = 1'000;  // a page of the journal
constexpr std::chrono::days kLongestTime{3650};  // of expires_in and not_before_in
constexpr std::array<std::string_view, 6> kStates{"queued", "sent", "delivered", "expired", "failed", "cancelled"};

// The argument of that name; nullptr when it is missing or null.
const json* find_argument(const json& arguments, const char* name) {
  const auto found = arguments.find(name);
  return found == arguments.end() || found->is_null() ? nullptr : &*found;
}

std::optional<std::string> text_argument(const json& arguments, const char* name) {
  const json* value = find_argument(arguments, name);
  if (!value) return std::nullopt;
  if (!value->is_string()) throw ControlError(std::string(name) + " must be a text");
  return value->get<std::string>();
}

template <typename Value>
Value required(std::optional<Value> value, const char* name) {
  if (!value) throw ControlError(std::string(name) + " is missing");
  return *std::move(value);
}

// A whole number from 1 to `most`. The parser holds one as unsigned exactly when it is whole and not negative.
std::optional<std::uint64_t> number_argument(const json& arguments, const char* name, std::uint64_t most) {
  const json* value = find_argument(arguments, name);
  if (!value) return std::nullopt;
  const std::uint64_t number = value->is_number_unsigned() ? value->get<std::uint64_t>() : 0;
  if (number < 1 || number > most) {
    throw ControlError(std::string(name) + " must be a whole number from 1 to " + std::to_string(most));
  }
  return number;
}

std::optional<seconds> duration_argument(const json& arguments, const char* name) {
  const auto text = text_argument(arguments, name);
  if (!text) return std::nullopt;
  const auto duration = parse_duration(*text);
  if (!duration || *duration > kLongestTime) {
    throw ControlError(std::string(name) + " must be a duration such as 5min, at most 3650d");
  }
  return std::chrono::ceil<seconds>(*duration);
}

std::optional<std::string> serial_argument(const json& arguments) {
  auto nserie = text_argument(arguments, "nserie");
  if (!nserie) return nserie;
  const bool printable_ascii =
      std::all_of(nserie->begin(), nserie->end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (nserie->empty() || nserie->size() > kLongestSerial || !printable_ascii) {
    throw ControlError("nserie must be 1 to 127 printable ASCII characters");
  }
  return nserie;
}

std::optional<std::string> state_argument(const json& arguments) {
  auto state = text_argument(arguments, "state");
  if (state && std::find(kStates.begin(), kStates.end(), *state) == kStates.end()) {
    throw ControlError("state must be queued, sent, delivered, expired, failed or cancelled");
  }
  return state;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  throw ControlError("payload must be hexadecimal digits");
}

std::vector<std::byte> payload_argument(const json& arguments) {
  const auto hex = required(text_argument(arguments, "payload"), "payload");
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
  const DownlinkTable::NewDownlink downlink{.nserie = required(serial_argument(arguments), "nserie"),
                                            .payload = payload_argument(arguments),
                                            .delay = duration_argument(arguments, "not_before_in"),
                                            .expires_in = duration_argument(arguments, "expires_in"),
                                            .max_attempts = number_argument(arguments, "max_attempts", kMostAttempts)};
  return {{"id", tell_database_errors([&] { return table.add(downlink); })}};
}

json list_downlinks(DownlinkTable& table, const json& arguments) {
  const auto nserie = serial_argument(arguments).value_or("");
  const auto state = state_argument(arguments).value_or("");
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
  const auto id = required(number_argument(arguments, "id", std::numeric_limits<std::uint64_t>::max()), "id");
  return {{"cancelled", tell_database_errors([&] { return table.cancel(id); })}};
}

json journal_page(JournalExport& journal, const json& arguments) {
  constexpr std::uint64_t kLastPlace = std::numeric_limits<std::int64_t>::max();
  const auto after = number_argument(arguments, "after", kLastPlace).value_or(0);
  const auto limit = number_argument(arguments, "limit", kMostDatagrams).value_or(kMostDatagrams);
  try {
    return journal.page(static_cast<std::int64_t>(after), limit);
  } catch (const std::runtime_error& error) {
    throw ControlError(std::string("the journal: ") + error.what());
  }
}

}  // namespace

ControlServer::Commands control_commands(const Status& status, JournalExport& journal, DownlinkTable* downlinks) {
  const auto table = [downlinks]() -> DownlinkTable& {
    if (!downlinks) throw ControlError("there is no database section in the configuration of hilerad");
    return *downlinks;
  };
  return {
      {std::string(control::kStatus), {false, [&status](const json&) { return status.document(); }}},
      {std::string(control::kDownlinkAdd), {true, [table](const json& args) { return add_downlink(table(), args); }}},
      {std::string(control::kDownlinkList),
       {false, [table](const json& args) { return list_downlinks(table(), args); }}},
      {std::string(control::kDownlinkCancel),
       {true, [table](const json& args) { return cancel_downlink(table(), args); }}},
      {std::string(control::kJournalPage),
       {false, [&journal](const json& args) { return journal_page(journal, args); }}},
  };
}

}  // namespace hilera
