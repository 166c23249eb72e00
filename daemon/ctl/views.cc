#include "daemon/ctl/views.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "daemon/ctl/document.h"

namespace hilera::ctl {

namespace {

using nlohmann::json;

// A line each, and below it what to do.
std::string view_findings_of(const json& findings, std::string_view severity, std::string_view mark) {
  std::string text;
  for (const json& finding : findings) {
    if (at(finding, "severity") != severity) continue;
    text += fmt::format("  {}: {}\n", mark, show(finding, "what"));
    if (at(finding, "advice").is_string())
      text += fmt::format("  {:{}}  {}\n", "", mark.size(), show(finding, "advice"));
  }
  return text;
}

// Of a hilerad that gives no advice.
std::string view_problems(const json& status) {
  std::string text;
  const json& problems = at(status, "problems");
  if (problems.is_array()) {
    for (const json& problem : problems)
      text += "  PROBLEM: " + show(problem) + "\n";
  }
  if (at(status, "ledger.balanced") != true) text += "  PROBLEM: the ledger does not balance\n";
  return text;
}

std::string view_listeners(const json& status) {
  Table table;
  table.add({"listener", "codec", "address", "received", "accepted", "control", "rejected", "dropped", "kernel drops",
             "acks"});
  std::string notes;
  const json& listeners = at(status, "listeners");
  if (!listeners.is_array()) return "";
  for (const json& listener : listeners) {
    const json& reasons = at(listener, "rejected");
    const std::int64_t rejected = sum_of(reasons);
    const std::string_view closed = at(listener, "open") == false ? " (closed)" : "";
    table.add({fmt::format("{}{}", show(listener, "name"), closed), show(listener, "codec"), show(listener, "address"),
               show(listener, "received"), show(listener, "accepted"), show(listener, "control"),
               std::to_string(rejected), show(listener, "dropped"), show(listener, "kernel_drops"),
               show(listener, "acks_sent")});
    if (rejected > 0) notes += fmt::format("  {} rejected: {}\n", show(listener, "name"), show_counts(reasons));
  }
  return table.text("  ") + notes;
}

std::string view_ledger(const json& status) {
  const auto sum = [&](std::string_view section, std::initializer_list<std::string_view> names) {
    std::string text;
    for (const auto name : names) {
      const auto value = show(status, fmt::format("ledger.{}.{}", section, name));
      text += fmt::format("{}{} {}", text.empty() ? "" : " + ", name, value);
    }
    return text;
  };
  std::string text = fmt::format("  datagrams  {} = {}\n", sum("intake", {"received"}),
                                 sum("intake", {"accepted", "control", "rejected", "dropped", "in_flight"}));
  text += fmt::format("  records    {} = {}\n", sum("store", {"found_at_start", "accepted"}),
                      sum("store", {"stored", "duplicate", "dead_lettered", "quarantined", "pending"}));
  const std::string dropped = show_counts(at(status, "dropped"));
  if (!dropped.empty()) text += "  dropped    " + dropped + "\n";
  return text;
}

bool has_database(const json& status) {
  return !status.is_object() || status.contains("database");
}

std::string view_database(const json& status) {
  if (!has_database(status)) return "  database   none: records stay in the journal\n";
  std::string text = at(status, "database.healthy") == true ? "  database   answers" : "  database   DOES NOT SERVE";
  text += fmt::format("; connections: {} idle, {} in use, {} being made; {} greenlets wait for one\n",
                      show(status, "database.connections.idle"), show(status, "database.connections.leased"),
                      show(status, "database.connections.connecting"), show(status, "database.connections.waiting"));
  const std::string errors = show_counts(at(status, "database.errors"));
  if (!errors.empty()) text += "             errors so far: " + errors + "\n";
  return text;
}

}  // namespace

bool all_is_well(const json& status) {
  return at(status, "ready") == true && at(status, "problems").empty() && at(status, "ledger.balanced") == true;
}

std::string view_headline(const json& status) {
  return fmt::format("hilerad {} on {}, up {}: {}\n", show(status, "version"), show(status, "collector"),
                     show_age(at(status, "uptime_seconds")), all_is_well(status) ? "all is well" : "NOT ALL IS WELL");
}

std::string view_findings(const json& status) {
  const json& findings = at(status, "findings");
  if (!findings.is_array()) return view_problems(status);
  return view_findings_of(findings, "problem", "PROBLEM") + view_findings_of(findings, "notice", "worth a look");
}

std::string view_status(const json& status) {
  std::string text = view_headline(status) + view_findings(status) + "\n";
  text += view_listeners(status) + "\n";
  text += view_ledger(status);
  text += view_database(status);
  text += fmt::format("  journal    {} bytes in {} files{}\n", show(status, "journal.bytes"),
                      show(status, "journal.segments"),
                      has_database(status) ? fmt::format(", {} of {} shards read back from it",
                                                         show(status, "store.lagging"), show(status, "store.shards"))
                                           : "");
  if (at(status, "downlink").is_object()) {
    text += fmt::format("  downlink   {} sent, {} delivered, {} failed, {} expired\n", show(status, "downlink.sent"),
                        show(status, "downlink.delivered"), show(status, "downlink.failed"),
                        show(status, "downlink.expired"));
  }
  text += fmt::format("  memory     {} devices known, {} greenlets\n", show(status, "devices_known"),
                      show(status, "greenlets"));
  return text;
}

std::string view_journal(const json& status) {
  std::string text =
      fmt::format("{} bytes in {} files, {} commits, {} I/O errors\n", show(status, "journal.bytes"),
                  show(status, "journal.segments"), show(status, "journal.commits"), show(status, "journal.io_errors"));
  const std::string pending = show(status, "ledger.store.pending");
  const std::string oldest = show_age(at(status, "journal.oldest_seconds"));
  if (has_database(status)) {
    text += fmt::format("{} records wait for the database, the oldest for {}; {} of {} shards read them back\n",
                        pending, oldest, show(status, "store.lagging"), show(status, "store.shards"));
  } else {
    text += fmt::format("{} records stay in it, the oldest for {}: there is no database\n", pending, oldest);
  }
  const json& problem = at(status, "journal.problem");
  if (problem.is_string() && !problem.get_ref<const std::string&>().empty())
    text += "PROBLEM: " + show(status, "journal.problem") + "\n";
  return text;
}

std::string view_stopped_journal(const json& answer) {
  const json& journal = at(answer, "journal");
  return fmt::format(
      "{} bytes in {} files, {} of them damaged\n"
      "{} records wait for the database, the oldest for {}\n"
      "the last place is {}; the database has everything up to {}\n",
      show(journal, "bytes"), show(journal, "segments"), show(journal, "damaged_segments"), show(journal, "pending"),
      show_age(at(journal, "oldest_seconds")), show(journal, "last_place"), show(journal, "position"));
}

namespace {

using Member = std::pair<const char*, const char*>;  // what people call it, and its key

std::string view_members(const json& object, std::initializer_list<Member> members) {
  Table table;
  for (const auto& [name, key] : members)
    table.add({name, show(object, key)});
  return table.text("");
}

}  // namespace

std::string view_downlinks(const json& answer) {
  const json& downlinks = at(answer, "downlinks");
  if (!downlinks.is_array() || downlinks.empty()) return "There is none.\n";
  Table table;
  table.add({"id", "nserie", "state", "created", "attempts", "sent", "bytes", "last error"});
  for (const json& row : downlinks) {
    table.add({show(row, "id"), show(row, "nserie"), show(row, "state"), show(row, "created_at"), show(row, "attempts"),
               show(row, "sent_at"), show(row, "payload_size"), show(row, "last_error")});
  }
  return table.text("");
}

std::string view_downlink(const json& answer) {
  return view_members(at(answer, "downlink"), {{"id", "id"},
                                               {"nserie", "nserie"},
                                               {"state", "state"},
                                               {"created", "created_at"},
                                               {"not before", "not_before"},
                                               {"expires", "expires_at"},
                                               {"attempts", "attempts"},
                                               {"of at most", "max_attempts"},
                                               {"idempotent", "idempotent"},
                                               {"sent", "sent_at"},
                                               {"waits until", "retry_at"},
                                               {"delivered", "delivered_at"},
                                               {"answer", "answer"},
                                               {"last error", "last_error"},
                                               {"sent by", "lease_owner"},
                                               {"leased until", "lease_until"},
                                               {"payload", "payload"}});
}

std::string view_dead_letters(const json& answer) {
  const json& letters = at(answer, "dead_letters");
  if (!letters.is_array() || letters.empty()) return "There is none.\n";
  Table table;
  table.add({"id", "dead since", "nserie", "codec", "arrival", "reason", "replayed", "bytes", "in the way", "error"});
  for (const json& row : letters) {
    table.add({show(row, "id"), show(row, "dead_at"), show(row, "nserie"), show(row, "codec"), show(row, "arrival"),
               show(row, "reason"), show(row, "replayed_at"), show(row, "raw_size"), show(row, "obstacle"),
               show(row, "error")});
  }
  return table.text("");
}

std::string view_dead_letter(const json& answer) {
  const json& letter = at(answer, "dead_letter");
  return view_members(letter, {{"id", "id"},
                               {"dead since", "dead_at"},
                               {"nserie", "nserie"},
                               {"frame_id", "frame_id"},
                               {"codec", "codec"},
                               {"listener", "listener"},
                               {"collector", "collector"},
                               {"arrival", "arrival"},
                               {"reason", "reason"},
                               {"error", "error"},
                               {"replayed", "replayed_at"},
                               {"in the way", "obstacle"},
                               {"datagram", "raw"}});
}

std::string view_replays(const json& letters) {
  std::string text;
  for (const json& letter : letters) {
    text += fmt::format("{} {}: {}", show(letter, "id"), show(letter, "nserie"), show(letter, "outcome"));
    const json& detail = at(letter, "detail");
    if (detail.is_string() && !detail.get_ref<const std::string&>().empty()) text += " (" + show(detail) + ")";
    text += "\n";
  }
  return text;
}

std::string view_counts(const json& counts) {
  return show_counts(counts);
}

}  // namespace hilera::ctl
