#include "daemon/ctl/top_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "daemon/ctl/document.h"
#include "daemon/ctl/views.h"
#include "daemon/logging.h"

namespace hilera::ctl {
namespace {

using nlohmann::json;

constexpr std::size_t kMostKinds = 6;
constexpr const char* kLine = "{:>10}  {:>10}  {:>10}  {:>7}  {:>9}  {:>8}  {:>8}  {:>10}  {}\n";

std::string show_rate(const json& rate) {
  if (!rate.is_number()) return "-";
  const auto value = rate.get<double>();
  return fmt::format("{:.{}f}", value, value > 0 && value < 10 ? 1 : 0);
}

std::string show_rate(const json& rates, const char* path) {
  return show_rate(at(rates, path));
}

std::string show_size(const json& bytes) {
  if (!bytes.is_number()) return "-";
  constexpr std::array kUnits{"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto size = bytes.get<double>();
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit)
    size /= 1024;
  return fmt::format("{:.{}f} {}", size, unit == 0 ? 0 : 1, kUnits[unit]);
}

json lost_rate(const json& rates) {
  const auto dropped = number_at(rates, "dropped");
  const auto kernel = number_at(rates, "kernel_drops");
  return dropped && kernel ? json(*dropped + *kernel) : json();
}

std::string show_ledger(const Look& look) {
  Table table;
  table.add({"datagrams", "received", "accepted", "control", "rejected", "dropped", "in flight"});
  std::vector<std::string> counts{"since the start"};
  std::vector<std::string> paces{"a second"};
  for (const char* name : {"received", "accepted", "control", "rejected", "dropped", "in_flight"}) {
    counts.push_back(show(look.status, std::string("ledger.intake.") + name));
    paces.push_back(name == std::string_view("in_flight") ? "" : show_rate(look.rates, name));
  }
  table.add(std::move(counts));
  table.add(std::move(paces));
  std::string text = table.text("  ") + "\n";

  Table records;
  records.add({"records", "found", "accepted", "stored", "duplicate", "dead", "quarantined", "pending"});
  counts = {"since the start"};
  for (const char* name :
       {"found_at_start", "accepted", "stored", "duplicate", "dead_lettered", "quarantined", "pending"})
    counts.push_back(show(look.status, std::string("ledger.store.") + name));
  records.add(std::move(counts));
  records.add({"a second", "", show_rate(look.rates, "records"), show_rate(look.rates, "stored")});
  return text + records.text("  ");
}

std::string show_listeners(const Look& look) {
  const json& listeners = at(look.status, "listeners");
  if (!listeners.is_array()) return "";
  Table table;
  table.add({"listener", "codec", "address", "received/s", "received", "rejected", "dropped", "kernel drops", "acks"});
  for (const json& listener : listeners) {
    const json& name = at(listener, "name");
    const json& paces = at(look.rates, "listeners");
    const bool known = name.is_string() && paces.is_object() && paces.contains(name.get<std::string>());
    table.add({show(name), show(listener, "codec"), show(listener, "address"),
               known ? show_rate(paces.at(name.get<std::string>())) : "-", show(listener, "received"),
               std::to_string(sum_of(at(listener, "rejected"))), show(listener, "dropped"),
               show(listener, "kernel_drops"), show(listener, "acks_sent")});
  }
  return table.text("  ");
}

std::string show_latency(const Look& look) {
  std::string text = "  latency   ";
  for (const auto& [name, path] : {std::pair("acknowledgement", "latency.ack"), std::pair("commit", "latency.store"),
                                   std::pair("hub lag", "latency.hub_lag")}) {
    const json& latency = at(look.rates, path);
    text +=
        fmt::format(" {} {} (99 %: {}) ", name, show_seconds(at(latency, "median")), show_seconds(at(latency, "high")));
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

std::string show_parts(const Look& look) {
  const json& status = look.status;
  std::string text;
  if (at(status, "database").is_object()) {
    text += fmt::format("  database   {}; connections: {} idle, {} in use, {} being made; {} greenlets wait for one\n",
                        at(status, "database.healthy") == true ? "answers" : "DOES NOT SERVE",
                        show(status, "database.connections.idle"), show(status, "database.connections.leased"),
                        show(status, "database.connections.connecting"), show(status, "database.connections.waiting"));
  } else {
    text += "  database   none: records stay in the journal\n";
  }
  text += fmt::format("  journal    {} of {} in {} files, {} commits/s; {} of {} shards are behind, the oldest by {}\n",
                      show_size(at(status, "journal.bytes")), show_size(at(status, "journal.max_bytes")),
                      show(status, "journal.segments"), show_rate(look.rates, "commits"), show(status, "store.lagging"),
                      show(status, "store.shards"), show_age(at(status, "journal.oldest_seconds")));
  if (at(status, "downlink").is_object()) {
    text += "  downlinks ";
    for (const char* state : {"queued", "sent", "delivered", "failed", "expired", "cancelled"})
      text += fmt::format(" {} {},", show(status, std::string("downlink.") + state), state);
    text.back() = '\n';
  }
  return text;
}

std::string show_kinds(const json& status) {
  const json& kinds = at(status, "greenlet_kinds");
  if (!kinds.is_array()) return "";
  const auto longest = [](const json& kind) { return number_at(kind, "longest_slice_seconds").value_or(0); };
  std::vector<json> slowest(kinds.begin(), kinds.end());
  std::stable_sort(slowest.begin(), slowest.end(),
                   [&](const json& a, const json& b) { return longest(a) > longest(b); });
  if (slowest.size() > kMostKinds) slowest.resize(kMostKinds);
  const auto mean = [](const json& kind, const char* sum) {
    const double samples = number_at(kind, "samples").value_or(0);
    return samples > 0 ? json(number_at(kind, sum).value_or(0) / samples) : json();
  };
  Table table;
  table.add({"greenlets", "longest run", "mean run", "mean wait", "stack"});
  for (const json& kind : slowest) {
    table.add({show(kind, "kind"), show_seconds(at(kind, "longest_slice_seconds")),
               show_seconds(mean(kind, "slice_seconds")), show_seconds(mean(kind, "delay_seconds")),
               show_size(at(kind, "stack_bytes"))});
  }
  return table.text("  ");
}

std::string state_of(const json& status) {
  if (all_is_well(status)) return "all is well";
  const json& problems = at(status, "problems");
  return problems.is_array() && !problems.empty() ? show(problems.front()) : "not all is well";
}

}  // namespace

std::string show_seconds(const json& seconds) {
  if (!seconds.is_number()) return "-";
  const auto value = seconds.get<double>();
  const auto three_digits = [](double number) {
    const int digits = number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
    return fmt::format("{:.{}f}", number, digits);
  };
  if (value <= 0) return "0";
  if (value < 0.001) return three_digits(value * 1e6) + " us";
  return value < 1 ? three_digits(value * 1e3) + " ms" : three_digits(value) + " s";
}

std::string top_screen(const Look& look, std::chrono::milliseconds interval) {
  const std::string footing = fmt::format("every {} s; q ends\n", std::chrono::duration<double>(interval).count());
  if (!look.trouble.empty()) {
    return "hilerad does not answer\n\n  PROBLEM: " + printable(look.trouble) +
           "\n           See whether it runs (systemctl status hilera), and its log. It is asked again; " + footing;
  }
  return view_headline(look.status) + view_findings(look.status) + "\n" + show_listeners(look) + "\n" +
         show_ledger(look) + "\n" + show_latency(look) + show_parts(look) + "\n" + show_kinds(look.status) + "\n" +
         "  " + footing;
}

std::string top_heading() {
  return fmt::format(kLine, "received/s", "accepted/s", "stored/s", "lost/s", "pending", "ack 50 %", "ack 99 %",
                     "store 99 %", "state");
}

std::string top_line(const Look& look) {
  if (!look.trouble.empty()) {
    return fmt::format(kLine, "-", "-", "-", "-", "-", "-", "-", "-", printable(look.trouble));
  }
  return fmt::format(kLine, show_rate(look.rates, "received"), show_rate(look.rates, "accepted"),
                     show_rate(look.rates, "stored"), show_rate(lost_rate(look.rates)),
                     show(look.status, "ledger.store.pending"), show_seconds(at(look.rates, "latency.ack.median")),
                     show_seconds(at(look.rates, "latency.ack.high")),
                     show_seconds(at(look.rates, "latency.store.high")), state_of(look.status));
}

json top_document(const Look& look) {
  if (!look.trouble.empty()) return {{"answers", false}, {"error", look.trouble}};
  return {{"answers", true},
          {"well", all_is_well(look.status)},
          {"problems", at(look.status, "problems")},
          {"uptime_seconds", at(look.status, "uptime_seconds")},
          {"in_flight", at(look.status, "ledger.intake.in_flight")},
          {"pending", at(look.status, "ledger.store.pending")},
          {"journal_bytes", at(look.status, "journal.bytes")},
          {"rates", look.rates}};
}

}  // namespace hilera::ctl
