#include "daemon/control_commands.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "daemon/control_arguments.h"
#include "daemon/control_protocol.h"
#include "daemon/dead_letter_commands.h"
#include "daemon/downlink_check.h"
#include "daemon/hex.h"

namespace hilera {
namespace {

using namespace control;
using nlohmann::json;

constexpr std::uint64_t kDefaultRows = 50;
constexpr std::uint64_t kMostRows = 10'000;
constexpr std::uint64_t kMostAttempts = 100;
constexpr std::uint64_t kMostDatagrams = 1'000;  // a page of the journal
constexpr std::array<std::string_view, 6> kStates{"queued", "sent", "delivered", "expired", "failed", "cancelled"};

std::optional<std::string> state_argument(const json& arguments) {
  auto state = text_argument(arguments, "state");
  if (state && std::find(kStates.begin(), kStates.end(), *state) == kStates.end()) {
    throw ControlError("state must be queued, sent, delivered, expired, failed or cancelled");
  }
  return state;
}

json add_downlink(DownlinkTable& table, const Intake& intake, const json& arguments) {
  const DownlinkTable::NewDownlink downlink{.nserie = required(serial_argument(arguments), "nserie"),
                                            .payload = required(bytes_argument(arguments, "payload"), "payload"),
                                            .delay = duration_argument(arguments, "not_before_in"),
                                            .expires_in = duration_argument(arguments, "expires_in"),
                                            .max_attempts = number_argument(arguments, "max_attempts", kMostAttempts),
                                            .idempotent = flag_argument(arguments, "idempotent")};
  const std::string obstacle =
      tell_database_errors([&] { return DownlinkCheck(intake, table).obstacle(downlink.nserie, downlink.payload); });
  if (!obstacle.empty()) throw ControlError(obstacle);
  return {{"id", tell_database_errors([&] { return table.add(downlink); })}};
}

json document_of(const DownlinkTable::Row& row) {
  return {{"id", row.id},
          {"nserie", row.nserie},
          {"state", row.state},
          {"created_at", row.created_at},
          {"attempts", row.attempts},
          {"sent_at", row.sent_at},
          {"last_error", row.last_error},
          {"payload_size", row.payload_size}};
}

json list_downlinks(DownlinkTable& table, const json& arguments) {
  const auto nserie = serial_argument(arguments).value_or("");
  const auto state = state_argument(arguments).value_or("");
  const auto limit = number_argument(arguments, "limit", kMostRows).value_or(kDefaultRows);
  json downlinks = json::array();
  for (const auto& row : tell_database_errors([&] { return table.list(nserie, state, limit); })) {
    downlinks.push_back(document_of(row));
  }
  return {{"downlinks", std::move(downlinks)}};
}

json show_downlink(DownlinkTable& table, const json& arguments) {
  const auto id = required(number_argument(arguments, "id", std::numeric_limits<std::uint64_t>::max()), "id");
  const auto details = tell_database_errors([&] { return table.find(id); });
  if (!details) throw ControlError("there is no downlink " + std::to_string(id));
  json document = document_of(details->row);
  document["payload"] = to_hex(details->payload);
  document["idempotent"] = details->idempotent;
  document["max_attempts"] = details->max_attempts;
  document["not_before"] = details->not_before;
  document["expires_at"] = details->expires_at;
  document["retry_at"] = details->retry_at;
  document["delivered_at"] = details->delivered_at;
  document["answer"] = details->answer;
  document["lease_owner"] = details->lease_owner;
  document["lease_until"] = details->lease_until;
  return {{"downlink", std::move(document)}};
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

Database& require(Database* database) {
  if (!database) throw ControlError("there is no database section in the configuration of hilerad");
  return *database;
}

}  // namespace

ControlServer::Commands control_commands(const Status& status, JournalExport& journal, Database* database,
                                         const Intake& intake) {
  const auto downlinks = [database](auto command) {
    return [=](const json& arguments) { return command(require(database).downlinks(), arguments); };
  };
  const auto dead_letters = [database](auto command) {
    return [=](const json& arguments) { return command(require(database).dead_letters(), arguments); };
  };
  return {
      {std::string(kStatus), {false, [&status](const json&) { return status.document(); }}},
      {std::string(kDownlinkAdd), {true, downlinks([&intake](DownlinkTable& table, const json& arguments) {
                                     return add_downlink(table, intake, arguments);
                                   })}},
      {std::string(kDownlinkList), {false, downlinks(list_downlinks)}},
      {std::string(kDownlinkShow), {false, downlinks(show_downlink)}},
      {std::string(kDownlinkCancel), {true, downlinks(cancel_downlink)}},
      {std::string(kDeadLetterList), {false, dead_letters(list_dead_letters)}},
      {std::string(kDeadLetterShow), {false, dead_letters(show_dead_letter)}},
      {std::string(kDeadLetterReplay), {true, dead_letters(replay_dead_letters)}},
      {std::string(kJournalPage), {false, [&journal](const json& args) { return journal_page(journal, args); }}},
  };
}

}  // namespace hilera
