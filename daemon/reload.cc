#include "daemon/reload.h"

#include <algorithm>
#include <utility>

#include "daemon/intake.h"

namespace hilera {
namespace {

// The only place that says what can be changed of a listener that stays.
void copy_changeable(const ListenerConfig& from, ListenerConfig& to) {
  to.keys_file = from.keys_file;
  to.devices = from.devices;
  to.devices_file = from.devices_file;
  to.pin_address = from.pin_address;
  to.prefix_rate = from.prefix_rate;
  to.prefix_burst = from.prefix_burst;
}

// And of the rest; listeners aside.
void copy_changeable(const Config& from, Config& to) {
  to.log = from.log;
  to.pipeline = from.pipeline;
  to.drain = from.drain;
  if (from.database && to.database) to.database->connections = from.database->connections;
}

// What is stored of a device that proves nothing depends on whether others of its codec prove themselves.
bool is_guarded(std::string_view codec, const std::vector<ListenerConfig>& listeners) {
  return std::ranges::any_of(
      listeners, [&](const ListenerConfig& each) { return each.codec == codec && each.auth != AuthMode::kNone; });
}

bool stays_as_it_is(const ListenerConfig& running, const ListenerConfig& wanted) {
  ListenerConfig rest = wanted;
  copy_changeable(running, rest);
  return rest == running;
}

template <typename Note>
void check_listeners(const Config& running, const Config& wanted, const Note& note) {
  for (const ListenerConfig& each : running.listeners) {
    const auto again = std::ranges::find(wanted.listeners, each.name, &ListenerConfig::name);
    if (again == wanted.listeners.end()) continue;
    note(stays_as_it_is(each, *again), "listener " + each.name);
    if (again->auth == each.auth && again->codec == each.codec) {
      note(is_guarded(each.codec, running.listeners) == is_guarded(each.codec, wanted.listeners),
           "whether devices of listener " + each.name + " prove themselves at another one");
    }
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
  rest.listeners = running.listeners;

  const auto note = [&changes](bool same, std::string key) {
    if (!same) changes.push_back(std::move(key));
  };
  note(rest.collector == running.collector, "collector");
  check_listeners(running, wanted, note);
  note(rest.journal == running.journal, "journal");
  note(rest.database == running.database, "database");
  note(rest.transmit == running.transmit, "transmit");
  note(rest.http == running.http, "http");
  note(rest.control == running.control, "control");
  note(rest.greenlets == running.greenlets, "greenlets");
  note(rest.devices == running.devices, "devices");
  if (changes.empty() && rest != running) changes.emplace_back("an option that has no name here");
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
