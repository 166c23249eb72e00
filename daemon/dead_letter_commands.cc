#include "daemon/dead_letter_commands.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/control_arguments.h"
#include "daemon/hex.h"
#include "daemon/logging.h"

namespace hilera {
namespace {

using namespace control;
using nlohmann::json;

constexpr std::size_t kLongestReason = 63;  // column dead_letter.reason
constexpr std::uint64_t kDefaultRows = 50;
constexpr std::uint64_t kMostListed = 500;
constexpr std::uint64_t kMostReplayed = 100;
constexpr std::size_t kMostBytes = 1U << 20;  // of the datagrams of a page of replays
constexpr std::chrono::seconds kPageTime{3};  // after which no other replay is begun
constexpr std::uint64_t kLargestId = std::numeric_limits<std::uint64_t>::max();

std::optional<bool> replayed_argument(const json& arguments) {
  const std::string replayed = text_argument(arguments, "replayed").value_or("no");
  if (replayed == "all") return std::nullopt;
  if (replayed != "yes" && replayed != "no") throw ControlError("replayed must be yes, no or all");
  return replayed == "yes";
}

DeadLetterTable::Filter filter_of(const json& arguments) {
  return {.nserie = serial_argument(arguments).value_or(""),
          .reason = name_argument(arguments, "reason", kLongestReason).value_or("")};
}

json text_or_null(const std::string& text) {
  return text.empty() ? json() : json(text);
}

json to_json(const DeadLetterTable::Row& row) {
  return {{"id", row.id},
          {"dead_at", row.dead_at},
          {"nserie", row.nserie},
          {"frame_id", row.frame_id},
          {"codec", row.codec},
          {"listener", row.listener},
          {"collector", row.collector},
          {"reason", row.reason},
          {"error", row.error},
          {"arrival", row.arrival},
          {"replayed_at", text_or_null(row.replayed_at)},
          {"raw_size", row.raw_size},
          {"obstacle", row.obstacle ? json(to_string(*row.obstacle)) : json()}};
}

// What a replay is asked for: one letter, or those of a filter.
struct Wanted {
  std::optional<std::uint64_t> id;
  DeadLetterTable::Filter filter;
  std::uint64_t after = 0;
  std::uint64_t limit = kMostReplayed;
};

Wanted wanted_of(const json& arguments) {
  Wanted wanted{.id = number_argument(arguments, "id", kLargestId),
                .filter = filter_of(arguments),
                .after = number_argument(arguments, "after", kLargestId).value_or(0),
                .limit = number_argument(arguments, "limit", kMostReplayed).value_or(kMostReplayed)};
  const int named = int{wanted.id.has_value()} + int{!wanted.filter.nserie.empty()} +
                    int{!wanted.filter.reason.empty()} + int{flag_argument(arguments, "all")};
  if (named != 1) throw ControlError("exactly one of id, nserie, reason and all must say which letters are meant");
  wanted.filter.readable = flag_argument(arguments, "all");
  return wanted;
}

std::vector<DeadLetterTable::Waiting> find_wanted(DeadLetterTable& table, const Wanted& wanted) {
  if (wanted.id) return {{.id = *wanted.id}};
  return tell_database_errors([&] { return table.waiting(wanted.filter, wanted.after, wanted.limit); });
}

// As many as a page takes, at least one. An error of the database ends the page; the first letter of the next page
// shows whether it is still there.
std::vector<DeadLetterTable::Replay> replay_page(DeadLetterTable& table, const Wanted& wanted) {
  const auto letters = find_wanted(table, wanted);
  const greenrt::Deadline deadline(kPageTime);
  std::vector<DeadLetterTable::Replay> replays;
  std::size_t bytes = 0;
  for (const DeadLetterTable::Waiting& letter : letters) {
    bytes += letter.raw_size;
    if (!replays.empty() && (deadline.expired() || bytes > kMostBytes)) break;
    try {
      replays.push_back(table.replay(letter.id));
    } catch (const db::Error& error) {
      if (replays.empty()) throw ControlError(std::string("the database: ") + error.what());
      log::warning("dead_letter_replay_interrupted", {{"id", letter.id}, {"error", error.what()}});
      break;
    }
  }
  return replays;
}

}  // namespace

json list_dead_letters(DeadLetterTable& table, const json& arguments) {
  DeadLetterTable::Filter filter = filter_of(arguments);
  filter.replayed = replayed_argument(arguments);
  const auto before = number_argument(arguments, "before", kLargestId).value_or(kLargestId);
  const auto limit = number_argument(arguments, "limit", kMostListed).value_or(kDefaultRows);
  json letters = json::array();
  for (const auto& row : tell_database_errors([&] { return table.list(filter, before, limit); })) {
    letters.push_back(to_json(row));
  }
  return {{"dead_letters", std::move(letters)}};
}

json show_dead_letter(DeadLetterTable& table, const json& arguments) {
  const auto id = required(number_argument(arguments, "id", kLargestId), "id");
  const auto letter = tell_database_errors([&] { return table.find(id); });
  if (!letter) throw ControlError("there is no dead letter " + std::to_string(id));
  json answer = to_json(letter->row);
  answer["raw"] = to_hex(letter->raw);
  return {{"dead_letter", std::move(answer)}};
}

json replay_dead_letters(DeadLetterTable& table, const json& arguments) {
  const Wanted wanted = wanted_of(arguments);
  std::optional<std::uint64_t> waiting;
  if (flag_argument(arguments, "count") && !wanted.id)
    waiting = tell_database_errors([&] { return table.count_waiting(wanted.filter, wanted.after); });
  const auto replays = replay_page(table, wanted);
  if (!replays.empty()) {
    const auto replayed = std::count_if(replays.begin(), replays.end(), [](const DeadLetterTable::Replay& replay) {
      return replay.outcome == DeadLetterOutcome::kReplayed;
    });
    log::info("dead_letters_replayed", {{"first", replays.front().id},
                                        {"last", replays.back().id},
                                        {"tried", replays.size()},
                                        {"replayed", replayed}});
  }
  json letters = json::array();
  std::uint64_t read_to = wanted.after;
  for (const DeadLetterTable::Replay& replay : replays) {
    letters.push_back({{"id", replay.id},
                       {"nserie", text_or_null(replay.nserie)},
                       {"outcome", to_string(replay.outcome)},
                       {"detail", replay.detail}});
    read_to = replay.id;
  }
  json answer{{"letters", std::move(letters)}, {"read_to", read_to}};
  if (waiting) answer["waiting"] = *waiting;
  return answer;
}

}  // namespace hilera
