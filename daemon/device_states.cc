#include "daemon/device_states.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "db/bulk.h"
#include "db/error.h"
#include "ingest/origin.h"

namespace hilera {
namespace {

using db::ColumnType;

// The assignments are made one after another, last_arrival being compared until the end.
constexpr std::string_view kUpsertDevice =
    "INSERT INTO device (nserie, codec, first_seen, last_seen, peer_ip, peer_port, listener, collector, last_arrival, "
    "auth_level) VALUES (?, ?, TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? MICROSECOND, "
    "TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? MICROSECOND, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE "
    "first_seen = LEAST(first_seen, VALUES(first_seen)), last_seen = GREATEST(last_seen, VALUES(last_seen)), "
    "peer_ip = IF(VALUES(last_arrival) >= last_arrival, VALUES(peer_ip), peer_ip), "
    "peer_port = IF(VALUES(last_arrival) >= last_arrival, VALUES(peer_port), peer_port), "
    "listener = IF(VALUES(last_arrival) >= last_arrival, VALUES(listener), listener), "
    "collector = IF(VALUES(last_arrival) >= last_arrival, VALUES(collector), collector), "
    "auth_level = GREATEST(auth_level, VALUES(auth_level)), "
    "last_arrival = GREATEST(last_arrival, VALUES(last_arrival))";

constexpr std::string_view kSavepoint = "SAVEPOINT device_part";
constexpr std::string_view kBackToSavepoint = "ROLLBACK TO SAVEPOINT device_part";

std::vector<ColumnType> columns() {
  return {ColumnType::kText,   ColumnType::kText, ColumnType::kInt64, ColumnType::kInt64, ColumnType::kBytes,
          ColumnType::kUint64, ColumnType::kText, ColumnType::kText,  ColumnType::kInt64, ColumnType::kUint64};
}

// It concerns these rows, or this table, and the transaction can go on without them.
bool can_go_on(const db::Error& error, const db::Connection& connection) {
  if (connection.broken() || error.makes_host_unfit()) return false;
  const db::ErrorClass error_class = error.error_class();
  return error_class == db::ErrorClass::kPoisonRow || error_class == db::ErrorClass::kDuplicate ||
         error_class == db::ErrorClass::kStopAndAlarm;
}

}  // namespace

DeviceStates::DeviceStates(DeviceStatesOptions options, ingest::Reporter& reporter)
    : options_(std::move(options)), reporter_(reporter) {}

DeviceStates::State& DeviceStates::state_of(const ingest::Entry& entry) {
  const std::string_view codec = entry.datagram.origin->codec->name();
  const auto known = states_.find(KeyView{entry.decoded.nserie, codec, entry.domain});
  if (known != states_.end()) return known->second;
  make_room();
  const auto fresh = states_.try_emplace(Key{std::string(entry.decoded.nserie), codec, entry.domain}).first;
  State& state = fresh->second;
  state.key = &fresh->first;
  state.first_arrival = entry.datagram.arrival;
  return state;
}

void DeviceStates::make_room() {
  if (size() < options_.max_devices || written_.empty()) return;
  const Key& oldest = *written_.front().key;
  written_.pop_front();
  states_.erase(states_.find(oldest));
}

void DeviceStates::note(const ingest::Entry& entry, TimePoint now) {
  State& state = state_of(entry);
  if (entry.datagram.arrival < state.last_arrival) return;
  state.origin = entry.datagram.origin;
  state.peer = entry.datagram.path.peer;
  state.last_arrival = entry.datagram.arrival;
  state.auth_level = entry.decoded.auth_level;
  if (std::exchange(state.unwritten, true)) return;
  ++unwritten_;
  const bool known = state.is_linked();
  if (known) written_.erase(written_.iterator_to(state));
  state.due = known ? now + kWriteEvery : now;
  (known ? changed_ : new_).push_back(state);
}

std::optional<DeviceStates::TimePoint> DeviceStates::next_write() const {
  if (unwritten_ == 0) return std::nullopt;
  if (all_are_due()) return TimePoint::min();
  TimePoint first = TimePoint::max();
  for (const Line* line : {&new_, &changed_}) {
    if (!line->empty()) first = std::min(first, line->front().due + kGatherFor);
  }
  return first;
}

void DeviceStates::choose(Line& line, TimePoint now) {
  for (State& state : line) {
    if (chosen_.size() == kMostRows || (state.due > now && !all_are_due())) return;
    chosen_.push_back(&state);
  }
}

void DeviceStates::write(db::Connection& connection, TimePoint now) {
  chosen_.clear();
  if (!is_due(now)) return;
  choose(new_, now);
  choose(changed_, now);
  connection.execute(kSavepoint);
  try {
    insert_chosen(connection);
  } catch (const db::Error& error) {
    if (!can_go_on(error, connection)) throw;
    connection.execute(kBackToSavepoint);
    reporter_.warn("device_states_refused", options_.collector, error.what());
  }
}

void DeviceStates::insert_chosen(db::Connection& connection) {
  std::vector<std::array<std::uint8_t, 16>> addresses(chosen_.size());
  db::Bulk bulk(columns());
  for (std::size_t i = 0; i < chosen_.size(); ++i) {
    const State& state = *chosen_[i];
    addresses[i] = state.peer.mapped();
    const std::array<db::Value, 10> values{state.key->nserie,
                                           state.key->codec,
                                           state.first_arrival,
                                           state.last_arrival,
                                           db::Bytes(std::as_bytes(std::span(addresses[i]))),
                                           state.peer.port(),
                                           state.origin->listener,
                                           options_.collector,
                                           state.last_arrival,
                                           static_cast<unsigned>(state.auth_level)};
    bulk.add_row(values);
  }
  connection.execute_bulk(kUpsertDevice, bulk);
}

void DeviceStates::committed() {
  for (State* state : chosen_) {
    state->unlink();
    state->unwritten = false;
    written_.push_back(*state);
  }
  unwritten_ -= chosen_.size();
  chosen_.clear();
}

}  // namespace hilera
