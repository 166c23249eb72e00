#include "daemon/ctl/dead_letters.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <ostream>

#include "daemon/control_protocol.h"
#include "daemon/ctl/answer.h"
#include "daemon/ctl/progress.h"
#include "daemon/ctl/views.h"
#include "daemon/exit_codes.h"

namespace hilera::ctl {
namespace {

using nlohmann::json;

constexpr std::uint64_t kDefaultListed = 50;
constexpr std::uint64_t kListedAPage = 500;
constexpr std::uint64_t kReplayedAPage = 100;
constexpr std::chrono::seconds kReplayTimeLimit{60};  // the last letter of a page may wait for a lock, or a connection
constexpr std::array<std::string_view, 3> kSuccesses{"replayed", "already_replayed", "already_stored"};

constexpr std::string_view kUnreadableAreLeft =
    "There are some that no codec can read; when one can, replay them with --reason unreadable.\n";

json filter_of(const CommandLine& line) {
  json arguments = json::object();
  if (!line.nserie.empty()) arguments["nserie"] = line.nserie;
  if (!line.reason.empty()) arguments["reason"] = line.reason;
  return arguments;
}

json selection_of(const CommandLine& line) {
  json arguments = filter_of(line);
  if (line.id > 0) arguments["id"] = line.id;
  if (line.all) arguments["all"] = true;
  return arguments;
}

bool some_are_unreadable(const CommandLine& line) {
  return !ask(line, control::kDeadLetterList, {{"reason", "unreadable"}, {"limit", 1}}).at("dead_letters").empty();
}

}  // namespace

int list_dead_letters(const CommandLine& line, std::ostream& out) {
  json arguments = filter_of(line);
  arguments["replayed"] = line.replayed;
  std::uint64_t left = line.limit.value_or(kDefaultListed);
  json all = json::array();
  while (left > 0) {
    const std::uint64_t wanted = std::min(left, kListedAPage);
    arguments["limit"] = wanted;
    const json page = ask(line, control::kDeadLetterList, arguments).at("dead_letters");
    for (const json& letter : page)
      all.push_back(letter);
    left = page.size() < wanted ? 0 : left - wanted;
    if (left > 0) arguments["before"] = page.back().at("id");
  }
  const json answer{{"dead_letters", std::move(all)}};
  print(out, line, answer, view_dead_letters(answer));
  return kExitOk;
}

int show_dead_letter(const CommandLine& line, std::ostream& out) {
  const json answer = ask(line, control::kDeadLetterShow, {{"id", line.id}});
  print(out, line, answer, view_dead_letter(answer));
  return kExitOk;
}

int replay_dead_letters(const CommandLine& line, std::ostream& out, std::ostream& notes, const Terminals& terminals) {
  json arguments = selection_of(line);
  std::uint64_t left = line.id > 0 ? 1 : line.limit.value_or(std::numeric_limits<std::uint32_t>::max());
  json counts = json::object();
  int status = kExitOk;
  Progress progress(notes, terminals.notes && line.id == 0);
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  if (progress.shown()) arguments["count"] = true;
  while (left > 0) {
    arguments["limit"] = std::min(left, kReplayedAPage);
    const json page = ask(line, control::kDeadLetterReplay, arguments, kReplayTimeLimit);
    const json& letters = page.at("letters");
    if (arguments.erase("count") > 0) total = std::min(left, page.value("waiting", std::uint64_t{0}));
    if (letters.empty()) break;
    progress.clear();
    for (const json& letter : letters) {
      const auto outcome = letter.at("outcome").get<std::string>();
      counts[outcome] = counts.value(outcome, 0) + 1;
      if (std::find(kSuccesses.begin(), kSuccesses.end(), outcome) == kSuccesses.end()) status = kExitFailure;
      if (line.json) print_line(out, letter);
    }
    if (!line.json) out << view_replays(letters);
    out << std::flush;
    done += letters.size();
    progress.note(done, total);
    arguments["after"] = page.at("read_to");
    left -= std::min<std::uint64_t>(left, letters.size());
  }
  progress.clear();
  notes << (counts.empty() ? "There is none to replay." : view_counts(counts)) << '\n';
  if (line.all && some_are_unreadable(line)) notes << kUnreadableAreLeft;
  return status;
}

}  // namespace hilera::ctl
