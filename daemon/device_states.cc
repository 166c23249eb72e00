#include "daemon/device_states.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "db/bulk.h"
#include "db/error.h"
#include "ingest/origin.h"

namespace hilera {
namespace {

using db::ColumnType;
using ingest::AuthLevel;
using ingest::ReplayGuard;
using ingest::ReplayWindow;

constexpr std::size_t kMostLoaded = 100;

constexpr std::string_view kLoadDevices =
    "SELECT nserie, codec, auth_level, COALESCE(last_epoch << 32 | last_sequence, 0), COALESCE(replay_window, '') "
    "FROM device WHERE nserie IN (?";

// The assignments are made one after another, last_arrival and last_epoch being compared until the end.
constexpr std::string_view kUpsertDevice =
    "INSERT INTO device (nserie, codec, first_seen, last_seen, peer_ip, peer_port, listener, collector, last_arrival, "
    "auth_level, last_epoch, last_sequence, replay_window) VALUES (?, ?, "
    "TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? MICROSECOND, "
    "TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? MICROSECOND, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE "
    "first_seen = LEAST(first_seen, VALUES(first_seen)), last_seen = GREATEST(last_seen, VALUES(last_seen)), "
    "peer_ip = IF(VALUES(last_arrival) >= last_arrival, VALUES(peer_ip), peer_ip), "
    "peer_port = IF(VALUES(last_arrival) >= last_arrival, VALUES(peer_port), peer_port), "
    "listener = IF(VALUES(last_arrival) >= last_arrival, VALUES(listener), listener), "
    "collector = IF(VALUES(last_arrival) >= last_arrival, VALUES(collector), collector), "
    "auth_level = GREATEST(auth_level, VALUES(auth_level)), "
    "replay_window = IF(COALESCE(VALUES(last_epoch) << 32 | VALUES(last_sequence), 0) >= "
    "COALESCE(last_epoch << 32 | last_sequence, 1), VALUES(replay_window), replay_window), "
    "last_sequence = IF(COALESCE(VALUES(last_epoch) << 32 | VALUES(last_sequence), 0) >= "
    "COALESCE(last_epoch << 32 | last_sequence, 1), VALUES(last_sequence), last_sequence), "
    "last_epoch = GREATEST(COALESCE(last_epoch, VALUES(last_epoch)), COALESCE(VALUES(last_epoch), last_epoch)), "
    "last_arrival = GREATEST(last_arrival, VALUES(last_arrival))";

constexpr std::size_t kLongestText = 127 + 31 + 63 + 128 + 144;  // nserie, codec, listener; the rest of a row

constexpr std::string_view kSavepoint = "SAVEPOINT device_part";
constexpr std::string_view kBackToSavepoint = "ROLLBACK TO SAVEPOINT device_part";

std::string load_statement() {
  std::string statement(kLoadDevices);
  for (std::size_t i = 1; i < kMostLoaded; ++i)
    statement += ", ?";
  return statement + ")";
}

std::vector<ColumnType> columns() {
  return {ColumnType::kText,   ColumnType::kText,   ColumnType::kInt64, ColumnType::kInt64, ColumnType::kBytes,
          ColumnType::kUint64, ColumnType::kText,   ColumnType::kText,  ColumnType::kInt64, ColumnType::kUint64,
          ColumnType::kUint64, ColumnType::kUint64, ColumnType::kBytes};
}

// Whether the transaction is still there after `error`, and may go on without the statement that failed.
bool can_go_on(const db::Error& error, const db::Connection& connection) {
  using enum db::ErrorClass;
  if (connection.broken() || error.breaks_connection() || error.makes_host_unfit()) return false;
  switch (error.error_class()) {
    case kPoisonRow:
    case kDuplicate:
    case kSplit:
    case kRollbackRetry:
    case kStopAndAlarm:
      return true;
    default:
      return false;
  }
}

bool is_refusal(const db::Error& error) {
  return error.error_class() == db::ErrorClass::kPoisonRow || error.error_class() == db::ErrorClass::kDuplicate;
}

}  // namespace

DeviceStates::DeviceStates(DeviceStatesOptions options, ingest::Reporter& reporter)
    : options_(std::move(options)), reporter_(reporter) {}

// Only of devices that prove themselves, or that others prove to be: the rest costs nothing here.
bool DeviceStates::depends_on_past(const ingest::Entry& entry) {
  return entry.datagram.origin->guarded || entry.decoded.auth_level >= AuthLevel::kMac;
}

const DeviceStates::State* DeviceStates::find(const ingest::Entry& entry) const {
  const auto known = states_.find(KeyView{entry.decoded.nserie, entry.datagram.origin->codec->name(), entry.domain});
  return known == states_.end() ? nullptr : &known->second;
}

void DeviceStates::load(db::Connection& connection, std::span<const ingest::Entry* const> entries) {
  make_room();
  std::vector<const ingest::Entry*> unknown;
  std::set<std::pair<std::string_view, const ingest::Codec*>> asked;
  const auto read = [&] {
    if (!unknown.empty()) read_past(connection, unknown);
    unknown.clear();
    asked.clear();
  };
  for (const ingest::Entry* entry : entries) {
    if (!depends_on_past(*entry)) continue;
    const State* state = find(*entry);
    if (state && state->past_known) continue;
    if (!asked.emplace(entry->decoded.nserie, entry->datagram.origin->codec).second) continue;
    unknown.push_back(entry);
    if (unknown.size() == kMostLoaded) read();
  }
  read();
}

void DeviceStates::read_past(db::Connection& connection, std::span<const ingest::Entry* const> entries) {
  static const std::string statement = load_statement();
  std::array<db::Value, kMostLoaded> serials;  // NULL is nobody's
  std::ranges::transform(entries, serials.begin(),
                         [](const ingest::Entry* entry) { return db::Value(entry->decoded.nserie); });
  const db::Rows rows = connection.execute(statement, serials);
  for (const ingest::Entry* entry : entries) {
    State& state = state_of(*entry);
    state.past_known = true;
    if (!state.is_linked()) expected_.push_back(state);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const db::Row& row = rows[i];
    const auto entry = std::ranges::find_if(entries, [&](const ingest::Entry* each) {
      return each->decoded.nserie == row.text(0) && each->datagram.origin->codec->name() == row.text(1);
    });
    if (entry == entries.end()) continue;
    State& state = state_of(**entry);
    state.auth_level = std::max(state.auth_level, static_cast<AuthLevel>(row.uint64(2)));
    const auto highest = row.uint64(3);
    if (highest != 0) {
      if (!state.guard) state.guard = std::make_unique<ReplayGuard>();
      state.guard->merge(ReplayWindow(highest, row.bytes(4)));
    }
    if (options_.on_past && state.auth_level >= AuthLevel::kMac) {
      options_.on_past(row.text(0), row.text(1), state.guard ? state.guard->window() : ReplayWindow());
    }
    if (std::exchange(state.has_row, true) || state.unwritten) continue;
    state.unlink();
    written_.push_back(state);
  }
}

DeviceStates::Ruling DeviceStates::rule(const ingest::Entry& entry) const {
  if (!depends_on_past(entry)) return Ruling::kStore;
  const State* state = find(entry);
  if (!state) return Ruling::kStore;
  if (entry.decoded.auth_level < AuthLevel::kMac) {
    return state->auth_level >= AuthLevel::kMac ? Ruling::kDowngrade : Ruling::kStore;
  }
  if (!state->guard) return Ruling::kStore;
  switch (state->guard->standing(entry.decoded)) {
    case ReplayGuard::Standing::kSeen:
      return Ruling::kRepetition;
    case ReplayGuard::Standing::kTooOld:
      return Ruling::kTooOld;
    case ReplayGuard::Standing::kNew:
      break;
  }
  return Ruling::kStore;
}

DeviceStates::State& DeviceStates::state_of(const ingest::Entry& entry) {
  const std::string_view codec = entry.datagram.origin->codec->name();
  const auto known = states_.find(KeyView{entry.decoded.nserie, codec, entry.domain});
  if (known != states_.end()) return known->second;
  const auto fresh = states_.try_emplace(Key{std::string(entry.decoded.nserie), codec, entry.domain}).first;
  State& state = fresh->second;
  state.key = &fresh->first;
  state.first_arrival = entry.datagram.arrival;
  return state;
}

void DeviceStates::make_room() {
  for (Line* line : {&expected_, &written_}) {
    while (size() > options_.max_devices && !line->empty())
      forget(line->front());
  }
  if (in_trouble()) forget_unwritten();
}

void DeviceStates::forget(State& state) {
  const Key& key = *state.key;
  state.unlink();
  states_.erase(states_.find(key));
}

void DeviceStates::forget_unwritten() {
  for (Line* line : {&new_, &changed_}) {
    for (auto each = line->begin(); each != line->end() && size() > 2 * options_.max_devices;) {
      State& state = *each++;
      if (state.guard) continue;
      --unwritten_;
      ++refused_;
      forget(state);
    }
  }
}

void DeviceStates::note_change(State& state, TimePoint due, Line& line) {
  state.unlink();
  if (!std::exchange(state.unwritten, true)) ++unwritten_;
  state.due = due;
  line.push_back(state);
}

void DeviceStates::mark(const ingest::Entry& entry) {
  if (entry.decoded.auth_level < AuthLevel::kMac) return;
  State& state = state_of(entry);
  if (!state.guard) state.guard = std::make_unique<ReplayGuard>();
  state.guard->mark(entry.decoded, entry.datagram.arrival);
}

void DeviceStates::note(const ingest::Entry& entry, TimePoint now) {
  mark(entry);
  State& state = state_of(entry);
  if (entry.datagram.arrival < state.last_arrival) return;
  state.origin = entry.datagram.origin;
  state.peer = entry.datagram.path.peer;
  state.last_arrival = entry.datagram.arrival;
  state.auth_level = std::max(state.auth_level, entry.decoded.auth_level);
  if (state.unwritten) return;
  note_change(state, state.has_row ? now + kWriteEvery : now, state.has_row ? changed_ : new_);
}

void DeviceStates::doubt(TimePoint now) {
  chosen_.clear();  // a commit that is under way proves nothing
  for (auto& [key, state] : states_) {
    state.past_known = false;
    state.guard.reset();
  }
  while (!written_.empty()) {
    State& state = written_.front();
    if (state.origin) {
      note_change(state, now + kWriteEvery, changed_);
      continue;
    }
    // Only looked up so far: there is nothing to write.
    state.unlink();
    state.has_row = false;
    expected_.push_back(state);
  }
}

std::optional<DeviceStates::TimePoint> DeviceStates::next_write() const {
  if (unwritten_ == 0) return std::nullopt;
  if (all_are_due()) return not_before_;
  TimePoint first = TimePoint::max();
  for (const Line* line : {&new_, &changed_}) {
    if (!line->empty()) first = std::min(first, line->front().due + kGatherFor);
  }
  return std::max(first, not_before_);
}

void DeviceStates::choose(Line& line, TimePoint now) {
  for (State& state : line) {
    if (chosen_.size() == kMostRows || (state.due > now && !all_are_due())) return;
    chosen_.push_back(&state);
  }
}

// In one order for all, so that two who write the same devices wait for each other, and do not lock each other out.
void DeviceStates::write(db::Connection& connection, std::size_t request_bytes, TimePoint now) {
  chosen_.clear();
  if (!is_due(now)) return;
  choose(new_, now);
  choose(changed_, now);
  const std::size_t longest_row = kLongestText + options_.collector.size();
  chosen_.resize(std::clamp<std::size_t>(request_bytes / longest_row, 1, chosen_.size()));
  std::ranges::sort(chosen_, {}, [](const State* state) { return std::tie(state->key->nserie, state->key->codec); });
  try {
    insert_isolating(connection, chosen_);
    not_before_ = {};
  } catch (const db::Error& error) {
    not_before_ = now + kGatherFor;
    reporter_.warn("device_states_put_off", options_.collector, error.what());
    if (!can_go_on(error, connection)) throw;
    put_off(now);
    connection.execute(kBackToSavepoint);
  }
}

void DeviceStates::put_off(TimePoint now) {
  for (State* state : chosen_)
    note_change(*state, now + kWriteEvery, changed_);
  chosen_.clear();
}

// What another collector has written since the past was read; nobody writes in between.
void DeviceStates::merge_others(db::Connection& connection, std::span<State* const> states) {
  static const std::string statement = load_statement() + " FOR UPDATE";
  std::vector<State*> guarded;
  std::ranges::copy_if(states, std::back_inserter(guarded),
                       [](const State* state) { return state->guard && state->past_known; });
  for (std::span<State* const> left(guarded); !left.empty();) {
    const auto asked = left.first(std::min(left.size(), kMostLoaded));
    left = left.subspan(asked.size());
    std::array<db::Value, kMostLoaded> serials;
    std::ranges::transform(asked, serials.begin(), [](const State* state) { return db::Value(state->key->nserie); });
    const db::Rows rows = connection.execute(statement, serials);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const db::Row& row = rows[i];
      const auto state = std::ranges::find_if(asked, [&](const State* each) {
        return each->guard && each->key->nserie == row.text(0) && each->key->codec == row.text(1);
      });
      if (state != asked.end() && row.uint64(3) != 0) (*state)->guard->merge(ReplayWindow(row.uint64(3), row.bytes(4)));
    }
  }
}

// A row that is refused for what it holds is left out until its device changes.
void DeviceStates::insert_isolating(db::Connection& connection, std::span<State* const> states) {
  connection.execute(kSavepoint);
  try {
    return insert(connection, states);
  } catch (const db::Error& error) {
    if (!is_refusal(error) || connection.broken()) throw;
    connection.execute(kBackToSavepoint);
    if (states.size() == 1) {
      ++refused_;
      return reporter_.warn("device_state_refused", states.front()->key->nserie, error.what());
    }
  }
  const std::size_t half = states.size() / 2;
  insert_isolating(connection, states.first(half));
  insert_isolating(connection, states.subspan(half));
}

void DeviceStates::insert(db::Connection& connection, std::span<State* const> states) {
  merge_others(connection, states);
  std::vector<std::array<std::uint8_t, 16>> addresses(states.size());
  std::vector<std::array<std::byte, ReplayWindow::kBytes>> windows(states.size());
  db::Bulk bulk(columns());
  for (std::size_t i = 0; i < states.size(); ++i) {
    const State& state = *states[i];
    addresses[i] = state.peer.mapped();
    // One that lacks what the table knows would replace it.
    const bool counts = state.guard && state.past_known && !state.guard->window().empty();
    const std::uint64_t highest = counts ? state.guard->window().highest() : 0;
    if (counts) windows[i] = state.guard->window().bits();
    const std::array<db::Value, 13> values{state.key->nserie,
                                           state.key->codec,
                                           state.first_arrival,
                                           state.last_arrival,
                                           db::Bytes(std::as_bytes(std::span(addresses[i]))),
                                           state.peer.port(),
                                           state.origin->listener,
                                           options_.collector,
                                           state.last_arrival,
                                           static_cast<unsigned>(state.auth_level),
                                           counts ? db::Value(highest >> 32) : db::Value(),
                                           counts ? db::Value(highest & 0xFFFFFFFF) : db::Value(),
                                           counts ? db::Value(db::Bytes(windows[i])) : db::Value()};
    bulk.add_row(values);
  }
  connection.execute_bulk(kUpsertDevice, bulk);
}

void DeviceStates::committed() {
  for (State* state : chosen_) {
    state->unlink();
    state->unwritten = false;
    state->has_row = true;
    written_.push_back(*state);
  }
  unwritten_ -= chosen_.size();
  chosen_.clear();
}

}  // namespace hilera
