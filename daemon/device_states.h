// DeviceStates: what is known of the devices of one shard, on its way to the table `device`.
//
// In memory it is authoritative; the table follows. A state that has changed is written with the shard's own
// transactions, at most once in kWriteEvery per device, a new device at once. Writing waits for kGatherFor, so that few
// statements carry many rows. A row that knows a later arrival, from another collector, is not set back, and numbers
// that another collector has written are taken over before the row is replaced.
//
// Bounded: beyond `max_devices` those that were written longest ago go when a batch is loaded. Nobody goes before the
// batch has ended: its rulings rest on what was loaded. What is not written yet stays; when that is more than
// `max_devices`, it is due at once, so that room comes with the next transaction. When the table takes nothing, what is
// beyond twice as many goes unwritten, and is counted, but for what devices have proved.
//
// No record waits for this table: when its rows are refused, or locked by somebody else, the transaction goes on
// without them, and they come again later.
//
// It also knows what devices have proved: a number that was stored once is not stored again, and who has proved itself
// cannot be written for by somebody who proves nothing. For such devices load() reads from the table what was before.
//
// Belongs to the shard's greenlet. Only load() and write() yield.

#pragma once

#include <boost/intrusive/list.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "db/connection.h"
#include "greenrt/deadline.h"
#include "ingest/entry.h"
#include "ingest/replay_guard.h"
#include "ingest/reporter.h"

namespace hilera {

// What the table says of a device that has proved itself: `window` is all that was stored of its numbers.
using OnPast = std::function<void(std::string_view nserie, std::string_view codec, const ingest::ReplayWindow& window)>;

struct DeviceStatesOptions {
  std::string collector;
  std::size_t max_devices = 50'000;
  OnPast on_past;  // told of what load() finds; must not yield; may be empty
};

class DeviceStates {
 public:
  using TimePoint = greenrt::Clock::time_point;
  static constexpr std::chrono::seconds kWriteEvery{10};
  static constexpr std::chrono::seconds kGatherFor{1};
  static constexpr std::size_t kMostRows = 1'000;  // a transaction

  DeviceStates(DeviceStatesOptions options, ingest::Reporter& reporter);
  DeviceStates(const DeviceStates&) = delete;
  DeviceStates& operator=(const DeviceStates&) = delete;

  // A batch begins. Yields. Reads the past of the devices that the rulings on `entries` depend on, as far as it is not
  // known. Throws db::Error; the table has not changed then.
  void load(db::Connection& connection, std::span<const ingest::Entry* const> entries);

  enum class Ruling : std::uint8_t {
    kStore,
    kRepetition,  // its number was stored before
    kTooOld,      // its number is below the window
    kDowngrade,   // it proves nothing, though its device has proved itself before
  };
  // On an entry whose device is loaded, or needs not be.
  [[nodiscard]] Ruling rule(const ingest::Entry& entry) const;

  // The number of `entry` is used up: its records are in the table.
  void mark(const ingest::Entry& entry);
  // Records of `entry` are stored. An earlier arrival than the noted one changes nothing.
  void note(const ingest::Entry& entry, TimePoint now);

  // When something is to be written next; none while there is nothing.
  [[nodiscard]] std::optional<TimePoint> next_write() const;
  [[nodiscard]] bool is_due(TimePoint now) const { return next_write().value_or(TimePoint::max()) <= now; }

  // A server was lost, and what was written may be, too: all of it comes again, and what the table says of the past
  // counts again.
  void doubt(TimePoint now);

  // From now on everything is due at once: the daemon is about to end.
  void hurry() { hurried_ = true; }

  // Yields. Within an open transaction: writes what is due, up to kMostRows in a statement of `request_bytes`. Throws
  // db::Error when the transaction cannot go on; the next one, soon after, is then without devices. Nothing counts as
  // written before committed().
  void write(db::Connection& connection, std::size_t request_bytes, TimePoint now);
  // The transaction of the last write() is committed.
  void committed();

  [[nodiscard]] std::size_t size() const { return states_.size(); }
  [[nodiscard]] std::size_t unwritten() const { return unwritten_; }
  // Rows that the server has refused for what they hold, and those that went unwritten.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  // The last write() failed.
  [[nodiscard]] bool in_trouble() const { return not_before_ != TimePoint{}; }

 private:
  struct Key {
    std::string nserie;
    std::string_view codec;  // static text
    std::uint32_t domain = 0;
  };
  struct KeyView {
    std::string_view nserie;
    std::string_view codec;
    std::uint32_t domain = 0;
  };
  struct Hash {  // the domain is a keyed hash of nserie already
    using is_transparent = void;
    std::size_t operator()(const Key& key) const { return key.domain; }
    std::size_t operator()(const KeyView& key) const { return key.domain; }
  };
  struct Equal {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return a.nserie == b.nserie && a.codec == b.codec;
    }
  };
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  struct State : Hook {
    const Key* key = nullptr;
    const ingest::Origin* origin = nullptr;
    greenrt::SocketAddress peer;
    std::int64_t first_arrival = 0;  // since it is remembered
    std::int64_t last_arrival = 0;
    ingest::AuthLevel auth_level = ingest::AuthLevel::kNone;
    std::unique_ptr<ingest::ReplayGuard> guard;  // none: it has proved nothing
    bool past_known = false;                     // what the table has is in here
    bool has_row = false;                          // as far as is known
    bool unwritten = false;
    TimePoint due;  // while it is unwritten
  };
  using Line = boost::intrusive::list<State, boost::intrusive::constant_time_size<false>>;

  static bool depends_on_past(const ingest::Entry& entry);
  [[nodiscard]] const State* find(const ingest::Entry& entry) const;
  State& state_of(const ingest::Entry& entry);
  void read_past(db::Connection& connection, std::span<const ingest::Entry* const> entries);
  void make_room();
  void forget(State& state);
  void forget_unwritten();
  void merge_others(db::Connection& connection, std::span<State* const> states);
  void note_change(State& state, TimePoint due, Line& line);
  void choose(Line& line, TimePoint now);
  void put_off(TimePoint now);
  void insert(db::Connection& connection, std::span<State* const> states);
  void insert_isolating(db::Connection& connection, std::span<State* const> states);
  [[nodiscard]] bool all_are_due() const { return hurried_ || unwritten_ > options_.max_devices; }

  DeviceStatesOptions options_;
  ingest::Reporter& reporter_;
  std::unordered_map<Key, State, Hash, Equal> states_;
  // Each state stands in one of these. Both of the unwritten ones are in the order in which they are due.
  Line new_;       // unwritten: no row yet, as far as is known here
  Line changed_;   // unwritten: the others
  Line expected_;  // without a row: loaded, and nothing stored yet
  Line written_;   // the one that was written longest ago in front
  std::size_t unwritten_ = 0;
  std::uint64_t refused_ = 0;
  std::vector<State*> chosen_;  // by the last write()
  TimePoint not_before_{};      // after a failure
  bool hurried_ = false;
};

}  // namespace hilera
