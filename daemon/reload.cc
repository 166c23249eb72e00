#include "daemon/reload.h"

#include <algorithm>
#include <utility>

#include "daemon/intake.h"

namespace hilera {
namespace {

// The only place that says what can be changed.
void copy_changeable(const Config& from, Config& to) {
  to.log = from.log;
  to.pipeline = from.pipeline;
  to.drain = from.drain;
  for (std::size_t i = 0; i < std::min(from.listeners.size(), to.listeners.size()); ++i) {
    to.listeners[i].keys_file = from.listeners[i].keys_file;
    to.listeners[i].devices = from.listeners[i].devices;
    to.listeners[i].devices_file = from.listeners[i].devices_file;
    to.listeners[i].pin_address = from.listeners[i].pin_address;
    to.listeners[i].prefix_rate = from.listeners[i].prefix_rate;
    to.listeners[i].prefix_burst = from.listeners[i].prefix_burst;
  }
}

}  // namespace

std::vector<std::string> fixed_changes(const Config& running, const Config& wanted, std::uint32_t most_in_flight) {
  std::vector<std::string> changes;
  if (wanted.pipeline.max_in_flight > most_in_flight) {
    changes.push_back("pipeline.max_in_flight above " + std::to_string(most_in_flight));
  }
  Config rest = wanted;
  copy_changeable(running, rest);
  if (rest == running) return changes;

  const auto note = [&changes](bool same, std::string key) {
    if (!same) changes.push_back(std::move(key));
  };
  note(rest.collector == running.collector, "collector");
  if (rest.listeners.size() == running.listeners.size()) {
    for (std::size_t i = 0; i < rest.listeners.size(); ++i)
      note(rest.listeners[i] == running.listeners[i], "listener " + running.listeners[i].name);
  } else {
    changes.emplace_back("listeners");
  }
  note(rest.journal == running.journal, "journal");
  note(rest.database == running.database, "database");
  note(rest.transmit == running.transmit, "transmit");
  note(rest.http == running.http, "http");
  note(rest.control == running.control, "control");
  note(rest.greenlets == running.greenlets, "greenlets");
  note(rest.devices == running.devices, "devices");
  if (changes.empty()) changes.emplace_back("an option that has no name here");
  return changes;
}

NewConfig read_again(const std::function<Config()>& read, const Config& running, std::uint32_t most_in_flight) {
  NewConfig result{.config = read(), .trusts = {}};
  std::string names;
  for (const std::string& change : fixed_changes(running, result.config, most_in_flight))
    names += (names.empty() ? "" : ", ") + change;
  if (!names.empty()) throw NeedsRestart("needs a restart: " + names);
  result.trusts = Intake::load_trusts(result.config.listeners);
  return result;
}

}  // namespace hilera
