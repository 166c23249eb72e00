// Shard: stores the datagrams of one part of all devices, one batch after the other, so that the records of a device
// are committed in the order in which the journal holds them.
//
// A queue in memory holds what comes next. The shard is live while the queue holds everything that the journal has for
// it; then new datagrams go straight from the journal's commit into the queue. When the queue is full (the database is
// slow, or away) the shard is lagging: new datagrams are left behind, and the shard reads on from the journal, in
// order (see backlog.h), until it has caught up and is live again. Everything has a place in the journal's order, so the hand-over is
// one comparison.
//
// After a loss (db/host_choice.h), what was stored during the grace time before the last commit is in doubt. Before
// anything else is stored, the shard reads it from the journal once more, in order, and looks whether it is there: what
// is not, since the server took it into its grave, is stored again. So a device's rows are in order whatever was lost,
// as long as that was lost from the end. What the journal itself cannot give back any more stays as it is.
//
// One greenlet. A batch is what the queue holds when a connection is free, up to the limits, so it grows while its
// predecessor is under way; the next one begins only when it is committed. Nothing is written while a StoreGate is
// closed. What cannot be written is tried again as remedy.h says, for ever: it is in the journal. A device whose rows
// were refused several times gets batches of its own, so that taking these apart holds up nobody else. A batch that the
// server does not end in time is tried again with half of its records, and batches grow again by and by. Stopped in the
// middle of a batch, the shard has not stored it, as far as anybody knows, and finds it in the journal next time. No
// failure ends the greenlet: one that is none of the database's is reported, and tried again after a pause.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "daemon/backlog.h"
#include "daemon/device_states.h"
#include "daemon/frame_batch.h"
#include "daemon/journal.h"
#include "daemon/origin_table.h"
#include "daemon/position_history.h"
#include "daemon/remedy.h"
#include "daemon/store_gate.h"
#include "db/pool.h"
#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "ingest/reporter.h"

namespace hilera {

struct ShardOptions {
  std::string collector;
  std::uint32_t part = 0;
  std::uint32_t parts = 1;
  std::size_t max_queued = 8'000;  // datagrams
  std::size_t max_queued_bytes = 16U << 20;
  std::size_t batch_records = 1'000;
  std::size_t max_devices = 50'000;                     // whose state is remembered
  greenrt::Duration grace = greenrt::Duration::zero();  // how long what is stored may be lost; zero: it never is
  greenrt::Duration pause = std::chrono::seconds(1);    // after a failure that is none of the database's
  OnPast on_past;                                       // see device_states.h
};

class Shard {
 public:
  // What happened to the front of the queue. Must not yield or throw.
  struct Observer {
    virtual ~Observer() = default;
    // `records` of a datagram have ended. `lag` is the time since its arrival when it came straight from the journal's
    // commit, else zero.
    virtual void on_stored(const ingest::StoreResult& result, greenrt::Duration lag) = 0;
    // Records that the journal could not give back, and (may be negative) those that a datagram has more or fewer of
    // than the journal said when it was appended: a codec of another version reads it.
    virtual void on_quarantined(std::uint64_t records) = 0;
    virtual void on_recount(std::int64_t records) = 0;
    // Records that had ended before are where they were, or have been stored again because their rows were gone.
    virtual void on_confirmed(std::uint64_t records) = 0;
    virtual void on_restored(std::uint64_t records) = 0;
    // The journal cannot be read behind `place`, so that nobody knows of the records there whether they are lost.
    virtual void on_doubt_abandoned(std::int64_t place, const std::string& why) = 0;
    // A batch is committed.
    virtual void on_batch(std::size_t records) = 0;
    // The position has moved, by a batch or by reading on past what is of other parts.
    virtual void on_position() = 0;
    // One could not be written; see problem().
    virtual void on_trouble() = 0;
  };

  // Where it begins: everything up to `position` has ended, what is behind `sure` is in doubt, and there is a backlog
  // up to `last_place`. A daemon that died cannot tell whether its server did, too.
  struct Start {
    std::int64_t sure = 0;
    std::int64_t position = 0;
    std::int64_t last_place = 0;
  };
  // What it works with. All outlive it. `gate` may be nullptr: it is always open.
  struct World {
    Journal& journal;
    Backlog& backlog;
    db::ConnectionPool& pool;
    StoreGate* gate;
    OriginTable& origins;
    Observer& observer;
    ingest::Reporter& reporter;
  };
  Shard(ShardOptions options, const Start& start, const World& world);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  void start();
  // Ends the greenlet, wherever it is. Yields. Idempotent.
  void stop();

  // An entry of this part has become durable: takes it, or leaves it behind. In the order of places. Never yields.
  void offer(const ingest::EntryRef& entry);

  // Everything of this part that stands at or below has ended.
  [[nodiscard]] std::int64_t position() const;
  // The same, and is in no doubt: not above position().
  [[nodiscard]] std::int64_t confirmed_position() const { return again_.value_or(position()); }
  // The same, and will be in none, if there is a loss now.
  [[nodiscard]] std::int64_t sure_position() const { return std::min(confirmed_position(), history_.lowest()); }

  // Something was committed, by this shard or another one. Never yields.
  void note_commit(greenrt::Clock::time_point now) { history_.note(position(), now); }
  // The end is near: what is known of devices is written now. Never yields.
  void hurry();
  // There was a loss. Never yields.
  void doubt(greenrt::Clock::time_point now);

  [[nodiscard]] bool live() const { return live_; }
  // It is live and has work that nothing keeps it from.
  [[nodiscard]] bool at_work() const {
    return live_ && (again_ || !queue_.empty() || in_a_hurry()) && problem_.empty();
  }
  // Nothing of this part is waiting, in the queue or in the journal, and nothing is in doubt.
  [[nodiscard]] bool idle() const { return live_ && queue_.empty() && !again_; }
  [[nodiscard]] bool in_doubt() const { return again_.has_value(); }
  [[nodiscard]] std::size_t queued() const { return queue_.size(); }
  [[nodiscard]] std::uint64_t retries() const { return retries_; }
  [[nodiscard]] std::uint64_t devices_refused() const { return devices_.refused(); }
  // Dead letters without all the bytes of their datagrams.
  [[nodiscard]] std::uint64_t letters_cut() const { return letters_cut_; }
  // Why nothing can be stored at the moment, for people; empty while it can.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  struct Item {
    ingest::EntryRef entry;
    std::uint32_t records = 0;  // as the journal counts them
    bool readable = true;       // the codec makes records of it
    bool fresh = false;         // came straight from the journal's commit
    // Once it was looked for, because its number was used before: whether its keys are in the table. What stands there
    // tells then what it is.
    std::optional<bool> in_table;
  };

  using Items = std::deque<Item>;
  using Ruling = DeviceStates::Ruling;
  // Why something becomes a dead letter before any try to store it.
  struct Letter {
    std::string_view reason;
    std::string_view error;
  };
  static constexpr std::size_t kPageRows = 2'000;
  static constexpr std::size_t kPageBytes = 4U << 20;

  void run();
  void store_some();
  [[nodiscard]] bool gate_is_open() const;
  void pass_gate();
  void fill();
  void read_on();
  void forget_what_was_read();
  void read_doubted();
  void abandon_doubt(const std::exception& failure);
  Item restore(JournalRow row);
  void push(Item item);
  void write(db::Connection& connection, std::size_t request_bytes, const Letter* letter);
  std::uint64_t restore_missing(db::Connection& connection, Items missing);
  void write_front(db::Connection& connection);
  std::size_t load_devices(db::Connection& connection, const Items& items);
  [[nodiscard]] Ruling rule(const Item& item) const;
  void look_for_used(db::Connection& connection, Items& items, std::size_t count);
  [[nodiscard]] const Letter* letter_for(const Item& item) const;
  void settle_repetition();
  void write_devices(db::Connection& connection);
  void confirm_front(db::Connection& connection);
  [[nodiscard]] std::size_t request_bytes(const db::Connection& connection) const;
  void gather(const Items& items, std::size_t loaded, std::size_t request_bytes);
  void note_outcome(const ingest::Entry& entry, const FrameBatch::Outcome& outcome);
  void complete(const Item& item, const FrameBatch::Outcome& outcome, greenrt::Clock::time_point now);
  [[nodiscard]] bool in_a_hurry() const { return hurried_ && devices_.unwritten() > 0 && !devices_.in_trouble(); }
  [[nodiscard]] bool suspect(const ingest::Entry& entry) const;
  void note_refusal(const ingest::Entry& entry);
  void cope(const db::Error& error);
  void pause_after(const std::exception& failure, std::string_view event);

  ShardOptions options_;
  World world_;

  Items queue_;
  std::size_t queued_bytes_ = 0;
  std::int64_t read_to_;       // the place of the last one that came into the queue, or was seen not to be ours
  std::int64_t last_offered_;  // the place of the last one that there is, as far as this part is concerned
  bool live_;
  greenrt::Event work_;

  PositionHistory history_;            // of position()
  std::optional<std::int64_t> again_;  // while something is in doubt: all of it is behind this place
  std::uint32_t unread_ = 0;           // attempts in a row to read it that failed
  bool doubted_anew_ = false;          // there was a loss since something was read; see forget_what_was_read()
  Items doubted_;                      // read, from the first behind again_ on
  std::int64_t doubted_to_ = 0;        // the place up to which it is all there is

  DeviceStates devices_;
  bool hurried_ = false;

  FrameBatch batch_;
  std::size_t statement_bytes_;                                // halved when a statement is too large for the server
  std::unordered_map<std::uint32_t, std::uint32_t> refusals_;  // by domain: rows in a row that were refused

  std::size_t batch_records_;   // less than the option while the server does not come to an end with as many
  std::uint32_t failures_ = 0;  // in a row
  std::chrono::milliseconds pause_{0};
  std::uint64_t retries_ = 0;
  std::uint64_t letters_cut_ = 0;
  std::string problem_;
  greenrt::GreenletRef greenlet_;
};

}  // namespace hilera
