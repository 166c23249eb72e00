// Shard: stores the datagrams of one part of all devices, one batch after the other, so that the records of a device
// are committed in the order in which the journal holds them.
//
// A queue in memory holds what comes next. The shard is live while the queue holds everything that the journal has for
// it; then new datagrams go straight from the journal's commit into the queue. When the queue is full (the database is
// slow, or away) the shard is lagging: new datagrams are left behind, and the shard reads on from the journal, in
// order, until it has caught up and is live again. Everything has a place in the journal's order, so the hand-over is
// one comparison.
//
// One greenlet. A batch is what the queue holds when a connection is free, up to the limits, so it grows while its
// predecessor is under way; the next one begins only when it is committed. What cannot be written is tried again as
// remedy.h says, for ever: it is in the journal. A device whose rows were refused several times gets batches of its
// own, so that taking these apart holds up nobody else. Stopped in the middle of a batch, the shard has not stored it,
// as far as anybody knows, and finds it in the journal next time. No failure ends the greenlet: one that is none of the
// database's is reported, and tried again after a pause.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "daemon/frame_batch.h"
#include "daemon/journal.h"
#include "daemon/origin_table.h"
#include "daemon/remedy.h"
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
    // A batch is committed.
    virtual void on_batch(std::size_t records) = 0;
    // The position has moved, by a batch or by reading on past what is of other parts.
    virtual void on_position() = 0;
    // One could not be written; see problem().
    virtual void on_trouble() = 0;
  };

  // Begins behind `position`, with a backlog up to `last_place`. The others must outlive it.
  Shard(ShardOptions options, std::int64_t position, std::int64_t last_place, Journal& journal,
        db::ConnectionPool& pool, OriginTable& origins, Observer& observer, ingest::Reporter& reporter);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  void start();
  // Ends the greenlet, wherever it is. Yields. Idempotent.
  void stop();

  // An entry of this part has become durable: takes it, or leaves it behind. In the order of places. Never yields.
  void offer(const ingest::EntryRef& entry);

  // Everything of this part that stands at or below is stored; `durable_place` is the journal's.
  [[nodiscard]] std::int64_t position(std::int64_t durable_place) const;

  [[nodiscard]] bool live() const { return live_; }
  // It is live and has work that nothing keeps it from.
  [[nodiscard]] bool at_work() const { return live_ && !queue_.empty() && problem_.empty(); }
  // Nothing of this part is waiting, in the queue or in the journal.
  [[nodiscard]] bool idle() const { return live_ && queue_.empty(); }
  [[nodiscard]] std::size_t queued() const { return queue_.size(); }
  [[nodiscard]] std::uint64_t retries() const { return retries_; }
  // Why nothing can be stored at the moment, for people; empty while it can.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  struct Item {
    ingest::EntryRef entry;
    std::uint32_t records = 0;  // as the journal counts them
    bool readable = true;       // the codec makes records of it
    bool fresh = false;         // came straight from the journal's commit
  };

  void run();
  void fill();
  void read_on();
  Item restore(JournalRow row);
  void push(Item item);
  void write_front(db::Connection& connection);
  void gather(std::size_t request_bytes);
  void complete(const Item& item, const FrameBatch::Outcome& outcome);
  [[nodiscard]] bool suspect(const ingest::Entry& entry) const;
  void note_refusal(const ingest::Entry& entry);
  void cope(const db::Error& error);
  void pause_after(const std::exception& failure, std::string_view event);

  ShardOptions options_;
  Journal& journal_;
  db::ConnectionPool& pool_;
  OriginTable& origins_;
  Observer& observer_;
  ingest::Reporter& reporter_;

  std::deque<Item> queue_;
  std::size_t queued_bytes_ = 0;
  std::int64_t read_to_;       // the place of the last one that came into the queue, or was seen not to be ours
  std::int64_t last_offered_;  // the place of the last one that there is, as far as this part is concerned
  bool live_;
  greenrt::Event work_;

  FrameBatch batch_;
  std::size_t statement_bytes_;                                // halved when a statement is too large for the server
  std::unordered_map<std::uint32_t, std::uint32_t> refusals_;  // by domain: rows in a row that were refused

  std::uint32_t failures_ = 0;  // in a row
  std::chrono::milliseconds pause_{0};
  std::uint64_t retries_ = 0;
  std::string problem_;
  greenrt::GreenletRef greenlet_;
};

}  // namespace hilera
