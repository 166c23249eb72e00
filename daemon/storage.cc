#include "daemon/storage.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <utility>

namespace hilera {

namespace {

static_assert(sizeof(Journal::Found::hash_key) == crypto_shorthash_KEYBYTES);

template <typename Number>
Number sum_over(const std::vector<std::unique_ptr<Shard>>& shards, Number (Shard::*number)() const) {
  return std::accumulate(shards.begin(), shards.end(), Number{0},
                         [&](Number sum, const auto& shard) { return sum + (*shard.*number)(); });
}

}  // namespace

Storage::Storage(const StorageOptions& options, db::ConnectionPool* pool, ingest::Reporter& reporter, StoreGate* gate)
    : reporter_(reporter), journal_(std::make_unique<Journal>(options.journal, [this](auto entries, bool durable) {
        on_settled(entries, durable);
      })) {
  const Journal::Found& found = journal_->found();
  ledger_.found_at_start = found.records;
  ledger_.pending = found.records;
  if (!pool) return;
  backlog_.emplace(*journal_, options.shards);
  const Shard::World world{.journal = *journal_,
                           .backlog = *backlog_,
                           .pool = *pool,
                           .gate = gate,
                           .origins = origins_,
                           .observer = *this,
                           .reporter = reporter_};
  const Shard::Start start{.sure = found.sure, .position = found.position, .last_place = found.last_place};
  for (std::uint32_t part = 0; part < options.shards; ++part) {
    const ShardOptions shard{.collector = options.collector,
                             .part = part,
                             .parts = options.shards,
                             .max_queued = std::max<std::size_t>(options.max_queued / options.shards, 1),
                             .max_queued_bytes = options.max_queued_bytes / options.shards,
                             .batch_records = options.batch_records,
                             .max_devices = std::max<std::size_t>(options.max_devices / options.shards, 1),
                             .grace = options.journal.grace,
                             .pause = options.pause,
                             .on_past = options.on_past};
    shards_.push_back(std::make_unique<Shard>(shard, start, world));
  }
  if (options.journal.grace > greenrt::Duration::zero()) loss_watch_.emplace(pool->hosts(), *this);
}

Storage::~Storage() {
  const greenrt::Shield shield;
  stop();
}

void Storage::start() {
  for (const auto& shard : shards_)
    shard->start();
}

void Storage::stop() {
  for (const auto& shard : shards_)
    shard->stop();
}

std::uint32_t Storage::domain_of(std::string_view nserie) const {
  std::array<unsigned char, crypto_shorthash_BYTES> hash;
  crypto_shorthash(hash.data(), reinterpret_cast<const unsigned char*>(nserie.data()), nserie.size(),
                   reinterpret_cast<const unsigned char*>(journal_->found().hash_key.data()));
  std::uint32_t domain;
  std::memcpy(&domain, hash.data(), sizeof domain);
  return domain;
}

void Storage::take(const ingest::EntryRef& entry) {
  entry->domain = domain_of(entry->decoded.nserie);
  journal_->append(entry);
}

void Storage::note_repetition(const ingest::Entry& entry) noexcept {
  ledger_.accepted += entry.decoded.records.size();
  ledger_.duplicate += entry.decoded.records.size();
}

void Storage::on_settled(std::span<const ingest::EntryRef> entries, bool durable) {
  for (const ingest::EntryRef& entry : entries) {
    if (!durable) {
      entry->set_lost();
      continue;
    }
    const std::size_t records = entry->decoded.records.size();
    ledger_.accepted += records;
    ledger_.pending += records;
    entry->set_durable();
    if (shards_.empty()) {
      entry->leave_behind();
    } else {
      shards_[entry->domain % shards_.size()]->offer(entry);
    }
  }
  progress_.set();
}

void Storage::on_stored(const ingest::StoreResult& result, greenrt::Duration lag) {
  ledger_.stored += result.stored;
  ledger_.duplicate += result.duplicate;
  ledger_.dead_lettered += result.dead_lettered;
  end_pending(result.stored + result.duplicate + result.dead_lettered);
  if (lag > greenrt::Duration::zero()) store_seconds_.observe(lag);
}

void Storage::on_quarantined(std::uint64_t records) {
  ledger_.quarantined += records;
  end_pending(records);
}

// What comes from a segment that could not be read at the start was not counted then.
void Storage::end_pending(std::uint64_t records) {
  const std::uint64_t uncounted = records - std::min(records, ledger_.pending);
  ledger_.found_at_start += uncounted;
  ledger_.pending += uncounted;
  ledger_.pending -= records;
}

void Storage::on_recount(std::int64_t records) {
  ledger_.found_at_start += static_cast<std::uint64_t>(records);
  ledger_.pending += static_cast<std::uint64_t>(records);
}

void Storage::on_doubt_abandoned(std::int64_t place, const std::string& why) {
  ++doubts_abandoned_;
  reporter_.warn("doubt_abandoned", "behind place " + std::to_string(place), why);
}

void Storage::on_batch(std::size_t records) {
  const auto now = greenrt::Clock::now();
  for (const auto& shard : shards_)
    shard->note_commit(now);
  batch_rows_.observe(static_cast<double>(records));
}

void Storage::on_confirmed(std::uint64_t records) {
  confirmed_ += records;
}

void Storage::on_restored(std::uint64_t records) {
  restored_ += records;
  reporter_.warn("records_restored", "the database had lost them", std::to_string(records));
}

void Storage::on_position() {
  const std::int64_t durable = journal_->durable_place();
  StorePosition position{durable, durable, durable};
  for (const auto& shard : shards_) {
    position.place = std::min(position.place, shard->position());
    position.needed = std::min(position.needed, shard->confirmed_position());
    position.sure = std::min(position.sure, shard->sure_position());
  }
  journal_->set_position(position);
  progress_.set();
}

void Storage::doubt() {
  const auto now = greenrt::Clock::now();
  for (const auto& shard : shards_)
    shard->doubt(now);
  on_position();
}

void Storage::on_trouble() {
  progress_.set();
}

bool Storage::all_idle() const {
  return std::all_of(shards_.begin(), shards_.end(), [](const auto& shard) { return shard->idle(); });
}

bool Storage::some_at_work() const {
  return std::any_of(shards_.begin(), shards_.end(), [](const auto& shard) { return shard->at_work(); });
}

bool Storage::wait_idle(greenrt::Deadline deadline) {
  for (const auto& shard : shards_)
    shard->hurry();
  const auto to_wait_for = [this] { return journal_->stats().waiting > 0 || some_at_work(); };
  while (to_wait_for() && !given_up_) {
    progress_.clear();
    if (!progress_.wait(deadline)) break;
  }
  return journal_->stats().waiting == 0 && all_idle();
}

void Storage::give_up() {
  given_up_ = true;
  progress_.set();
}

std::size_t Storage::lagging_shards() const {
  return static_cast<std::size_t>(
      std::count_if(shards_.begin(), shards_.end(), [](const auto& shard) { return !shard->live(); }));
}

std::size_t Storage::shards_in_doubt() const {
  return static_cast<std::size_t>(
      std::count_if(shards_.begin(), shards_.end(), [](const auto& shard) { return shard->in_doubt(); }));
}

std::size_t Storage::queued() const {
  return sum_over(shards_, &Shard::queued);
}

std::uint64_t Storage::retries() const {
  return sum_over(shards_, &Shard::retries);
}

std::uint64_t Storage::devices_refused() const {
  return sum_over(shards_, &Shard::devices_refused);
}

std::uint64_t Storage::letters_cut() const {
  return sum_over(shards_, &Shard::letters_cut);
}

std::string Storage::store_problem() const {
  const auto found =
      std::find_if(shards_.begin(), shards_.end(), [](const auto& shard) { return !shard->problem().empty(); });
  return found == shards_.end() ? std::string() : (*found)->problem();
}

}  // namespace hilera
