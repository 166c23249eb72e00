// Storage: custody of records, from the pipeline to the database.
//
//   take() -> Journal -- durable --> Shard[hash of nserie] -- commit --> frame, dead_letter
//
// Keeps the ledger of records: found_at_start + accepted = stored + duplicate + dead_lettered + quarantined + pending,
// where each side is counted by itself, and each record once, when it ends first. After a loss of a database server
// among several, records that had ended are looked for again: confirmed, or restored, which is counted beside the
// ledger. The journal may forget what every shard has stored. Without a database there are no shards, and everything
// stays in the journal.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/backlog.h"
#include "daemon/journal.h"
#include "daemon/ledger.h"
#include "daemon/origin_table.h"
#include "daemon/shard.h"
#include "daemon/store_gate.h"
#include "db/host_choice.h"
#include "db/pool.h"
#include "greenrt/event.h"
#include "greenrt/histogram.h"
#include "ingest/custody.h"
#include "ingest/reporter.h"

namespace hilera {

struct StorageOptions {
  JournalOptions journal;
  std::string collector;
  std::uint32_t shards = 4;
  std::size_t max_queued = 192'000;  // datagrams in memory, all shards together: below a kilobyte each
  std::size_t max_queued_bytes = 64U << 20;
  std::size_t batch_records = 1'000;
  std::size_t max_devices = 200'000;                  // whose state is remembered, all shards together
  greenrt::Duration pause = std::chrono::seconds(1);  // of a shard, after a failure that is none of the database's
  OnPast on_past;                                     // see device_states.h; until stop()
};

class Storage final : public ingest::Custody, private Shard::Observer {
 public:
  // Opens the journal: see there for what it throws. `pool` is nullptr without a database; without `gate` nothing but
  // the database itself keeps it from writing. The others must outlive it.
  Storage(const StorageOptions& options, db::ConnectionPool* pool, ingest::Reporter& reporter,
          StoreGate* gate = nullptr);
  ~Storage() override;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // To be called for every listener before start().
  void know(std::shared_ptr<const ingest::Origin> origin) { origins_.add(std::move(origin)); }

  // Starts to store: first what the journal holds from before.
  void start();

  void take(const ingest::EntryRef& entry) override;
  void note_repetition(const ingest::Entry& entry) noexcept override;

  // For the drain. Yields until everything taken is durable, and stored (true) as far as the database takes it now. A
  // shard that is lagging, or cannot write, is not waited for, nor anything after give_up(), nor beyond the deadline.
  // The shards that are waited for have then written what they know of devices, too, if the table took it.
  bool wait_idle(greenrt::Deadline deadline);
  void give_up();

  // Ends the shards; what they have not stored stays in the journal. Yields. Idempotent.
  void stop();

  [[nodiscard]] const StoreLedger& ledger() const { return ledger_; }
  // Records that were looked for again and found, and those that were gone and are stored again.
  [[nodiscard]] const std::uint64_t& confirmed() const { return confirmed_; }
  [[nodiscard]] const std::uint64_t& restored() const { return restored_; }
  // Searches that could not be completed, because the journal could not be read.
  [[nodiscard]] const std::uint64_t& doubts_abandoned() const { return doubts_abandoned_; }
  [[nodiscard]] const Journal& journal() const { return *journal_; }
  [[nodiscard]] Journal& journal() { return *journal_; }
  // Of all that was ever received here, as far as the journal knows.
  [[nodiscard]] std::int64_t last_arrival() const { return journal_->found().last_arrival; }

  [[nodiscard]] std::size_t shards() const { return shards_.size(); }
  [[nodiscard]] std::size_t lagging_shards() const;
  [[nodiscard]] std::size_t shards_in_doubt() const;
  [[nodiscard]] std::size_t queued() const;  // datagrams in memory
  [[nodiscard]] std::uint64_t retries() const;
  // Rows of the table `device` that the server has refused.
  [[nodiscard]] std::uint64_t devices_refused() const;
  // Dead letters without all the bytes of their datagrams, which the server takes no request for.
  [[nodiscard]] std::uint64_t letters_cut() const;
  [[nodiscard]] const greenrt::Histogram& store_seconds() const { return store_seconds_; }
  [[nodiscard]] const greenrt::Histogram& batch_rows() const { return batch_rows_; }
  // Why records are not stored, or not taken, at the moment, for people; empty while all is well.
  [[nodiscard]] std::string store_problem() const;
  [[nodiscard]] const std::string& journal_problem() const { return journal_->stats().problem; }

 private:
  // Hears of losses.
  class LossWatch final : public db::HostWatcher {
   public:
    LossWatch(const std::shared_ptr<db::HostChoice>& hosts, Storage& storage) : HostWatcher(hosts), storage_(storage) {}
    void on_loss() override { storage_.doubt(); }

   private:
    Storage& storage_;
  };

  void doubt();
  void end_pending(std::uint64_t records);
  void on_settled(std::span<const ingest::EntryRef> entries, bool durable);
  void on_stored(const ingest::StoreResult& result, greenrt::Duration lag) override;
  void on_quarantined(std::uint64_t records) override;
  void on_recount(std::int64_t records) override;
  void on_confirmed(std::uint64_t records) override;
  void on_restored(std::uint64_t records) override;
  void on_doubt_abandoned(std::int64_t place, const std::string& why) override;
  void on_batch(std::size_t records) override;
  void on_position() override;
  void on_trouble() override;
  [[nodiscard]] bool all_idle() const;
  [[nodiscard]] bool some_at_work() const;
  [[nodiscard]] std::uint32_t domain_of(std::string_view nserie) const;

  ingest::Reporter& reporter_;
  OriginTable origins_;  // outlives every datagram that is still kept here
  StoreLedger ledger_;
  std::uint64_t confirmed_ = 0;
  std::uint64_t restored_ = 0;
  std::uint64_t doubts_abandoned_ = 0;
  greenrt::Histogram store_seconds_ = greenrt::Histogram::latency();
  greenrt::Histogram batch_rows_{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000};
  greenrt::Event progress_;
  bool given_up_ = false;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<Journal> journal_;  // ends before them: what it settles then goes nowhere
  std::optional<Backlog> backlog_;    // while there are shards
  std::optional<LossWatch> loss_watch_;
};

}  // namespace hilera
