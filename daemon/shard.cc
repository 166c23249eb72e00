#include "daemon/shard.h"

#include <algorithm>
#include <random>
#include <utility>

#include "db/error.h"
#include "ingest/frame_id.h"

namespace hilera {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kWaitForConnection{5};  // then it is said that there is none, and waited for again
constexpr std::chrono::seconds kPauseAfterFailure{1};
constexpr std::size_t kMostStatementBytes = 4U << 20;
constexpr std::size_t kLeastStatementBytes = 1U << 10;
constexpr std::size_t kPageRows = 2'000;
constexpr std::size_t kPageBytes = 4U << 20;
constexpr std::uint32_t kRefusalsOfASuspect = 3;
constexpr std::size_t kMostRefusals = 10'000;

milliseconds jittered(milliseconds pause) {
  static thread_local std::minstd_rand random{std::random_device()()};
  return milliseconds(std::uniform_int_distribution<milliseconds::rep>(pause.count() / 2, pause.count())(random));
}

}  // namespace

Shard::Shard(ShardOptions options, std::int64_t position, std::int64_t last_place, Journal& journal,
             db::ConnectionPool& pool, OriginTable& origins, Observer& observer, ingest::Reporter& reporter)
    : options_(std::move(options)),
      journal_(journal),
      pool_(pool),
      origins_(origins),
      observer_(observer),
      reporter_(reporter),
      read_to_(position),
      last_offered_(last_place),
      live_(position >= last_place),
      batch_(options_.collector),
      statement_bytes_(kMostStatementBytes) {}

Shard::~Shard() {
  const greenrt::Shield shield;
  stop();
}

void Shard::start() {
  greenlet_ = greenrt::spawn([this] { run(); });
  greenlet_->set_name("shard " + std::to_string(options_.part));
}

void Shard::stop() {
  if (greenlet_) std::exchange(greenlet_, nullptr)->kill();
}

void Shard::offer(const ingest::EntryRef& entry) {
  last_offered_ = entry->place;
  const std::size_t bytes = entry->datagram.bytes.size();
  const bool room =
      queue_.empty() || (queue_.size() < options_.max_queued && queued_bytes_ + bytes <= options_.max_queued_bytes);
  live_ = live_ && room;
  if (!live_) return entry->leave_behind();
  push({.entry = entry, .records = static_cast<std::uint32_t>(entry->decoded.records.size()), .fresh = true});
  read_to_ = entry->place;
  work_.set();
}

std::int64_t Shard::position(std::int64_t durable_place) const {
  if (!queue_.empty()) return queue_.front().entry->place - 1;
  return live_ ? durable_place : read_to_;
}

void Shard::push(Item item) {
  queued_bytes_ += item.entry->datagram.bytes.size();
  queue_.push_back(std::move(item));
}

void Shard::run() {
  while (true) {
    try {
      fill();
      const db::Lease connection = pool_.acquire(kWaitForConnection);
      write_front(*connection);
    } catch (const db::Error& error) {
      cope(error);
      continue;
    } catch (const std::exception& error) {
      pause_after(error, "shard_failed");
      continue;
    }
    failures_ = 0;
    pause_ = milliseconds(0);
    problem_.clear();
    statement_bytes_ = kMostStatementBytes;
  }
}

void Shard::fill() {
  while (queue_.empty()) {
    if (!live_) {
      read_on();
    } else {
      work_.clear();
      work_.wait();
    }
  }
}

void Shard::read_on() {
  Journal::Page page;
  try {
    page = journal_.read(read_to_, options_.part, options_.parts, kPageRows, kPageBytes);
  } catch (const std::runtime_error& error) {
    return pause_after(error, "journal_not_readable");
  }
  problem_.clear();
  // What is durable since the read began will be offered, or has been.
  const std::int64_t settled = journal_.durable_place();
  for (JournalRow& row : page.rows) {
    if (row.place > settled) break;
    push(restore(std::move(row)));
    read_to_ = queue_.back().entry->place;
  }
  if (page.quarantined > 0) observer_.on_quarantined(page.quarantined);
  read_to_ = std::min(page.read_to, settled);
  live_ = read_to_ >= last_offered_;
  observer_.on_position();
}

Shard::Item Shard::restore(JournalRow row) {
  Item item{.entry = ingest::Entry::make(), .records = row.records};
  ingest::Entry& entry = *item.entry;
  entry.place = row.place;
  entry.domain = row.domain;
  entry.datagram.origin = &origins_.find(row.listener, row.codec);
  entry.datagram.listener = nullptr;
  entry.datagram.arrival = row.arrival;
  entry.datagram.path = {.peer = row.peer};
  entry.datagram.bytes = std::move(row.bytes);
  entry.datagram.origin->codec->decode(entry.datagram.bytes, entry.decoded);
  item.readable = entry.decoded.verdict == ingest::Verdict::kRecords && !entry.decoded.records.empty();
  if (!item.readable) {
    const auto key = ingest::content_key(std::nullopt, entry.datagram.bytes);
    entry.decoded.clear();
    entry.decoded.records.push_back(
        {.bytes = entry.datagram.bytes, .device_time = {}, .frame_id = key.frame_id, .digest = key.digest});
  }
  entry.decoded.auth_level = row.auth_level;
  entry.set_durable();
  return item;
}

void Shard::write_front(db::Connection& connection) {
  const std::size_t request_bytes = std::min(statement_bytes_, connection.max_allowed_packet() / 2);
  batch_.clear();
  if (queue_.front().readable) {
    gather(request_bytes);
    batch_.write(connection, request_bytes);
  } else {
    batch_.add(*queue_.front().entry, {});
    batch_.write_as_dead_letters(connection, "unreadable", "the codec makes no records of it any more");
  }
  const std::size_t records = batch_.records();
  for (const FrameBatch::Outcome& outcome : batch_.outcomes()) {
    complete(queue_.front(), outcome);
    queued_bytes_ -= queue_.front().entry->datagram.bytes.size();
    queue_.pop_front();
  }
  batch_.clear();
  observer_.on_batch(records);
  observer_.on_position();
}

void Shard::gather(std::size_t request_bytes) {
  const FrameBatch::Limits limits{.records = options_.batch_records, .bytes = request_bytes};
  const ingest::Entry& front = *queue_.front().entry;
  const bool of_a_suspect = suspect(front);
  for (const Item& item : queue_) {
    if (!item.readable) return;
    const bool belongs = of_a_suspect ? item.entry->domain == front.domain : !suspect(*item.entry);
    if (!belongs || !batch_.add(*item.entry, limits)) return;
  }
}

void Shard::complete(const Item& item, const FrameBatch::Outcome& outcome) {
  ingest::Entry& entry = *item.entry;
  const std::size_t records = entry.decoded.records.size();
  if (records != item.records) {
    observer_.on_recount(static_cast<std::int64_t>(records) - static_cast<std::int64_t>(item.records));
  }
  if (outcome.refused) {
    note_refusal(entry);
  } else if (!refusals_.empty()) {
    refusals_.erase(entry.domain);
  }
  const auto lag = item.fresh ? greenrt::Clock::now() - entry.datagram.received : greenrt::Duration::zero();
  observer_.on_stored(outcome.result, lag);
  entry.set_stored(outcome.result);
}

bool Shard::suspect(const ingest::Entry& entry) const {
  if (refusals_.empty()) return false;
  const auto found = refusals_.find(entry.domain);
  return found != refusals_.end() && found->second >= kRefusalsOfASuspect;
}

void Shard::note_refusal(const ingest::Entry& entry) {
  if (refusals_.size() >= kMostRefusals) refusals_.clear();
  ++refusals_[entry.domain];
}

void Shard::pause_after(const std::exception& failure, std::string_view event) {
  ++retries_;
  problem_ = failure.what();
  reporter_.warn(event, "shard " + std::to_string(options_.part), problem_);
  observer_.on_trouble();
  greenrt::sleep(kPauseAfterFailure);
}

void Shard::cope(const db::Error& error) {
  const Remedy& remedy = remedy_for(error.error_class());
  ++retries_;
  problem_ = error.what();
  observer_.on_trouble();
  if (remedy.smaller_statements) statement_bytes_ = std::max(statement_bytes_ / 2, kLeastStatementBytes);
  if (remedy.alarm) reporter_.warn("store_stopped", "shard " + std::to_string(options_.part), problem_);
  if (++failures_ <= remedy.attempts_at_once) return;
  pause_ = std::clamp(pause_ * 2, remedy.first_pause, remedy.longest_pause);
  greenrt::sleep(jittered(pause_));
}

}  // namespace hilera
