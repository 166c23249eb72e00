#include "daemon/shard.h"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "daemon/frame_lookup.h"
#include "db/error.h"
#include "db/transaction.h"
#include "greenrt/hub.h"
#include "ingest/frame_id.h"

namespace hilera {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kWaitForConnection{5};  // then it is said that there is none, and waited for again
constexpr std::size_t kMostStatementBytes = 4U << 20;
constexpr std::size_t kLeastStatementBytes = 1U << 10;
constexpr std::uint32_t kRefusalsOfASuspect = 3;
constexpr std::size_t kMostRefusals = 10'000;

milliseconds jittered(milliseconds pause) {
  static thread_local std::minstd_rand random{std::random_device()()};
  return milliseconds(std::uniform_int_distribution<milliseconds::rep>(pause.count() / 2, pause.count())(random));
}

}  // namespace

Shard::Shard(ShardOptions options, const Start& start, const World& world)
    : options_(std::move(options)),
      world_(world),
      read_to_(start.position),
      last_offered_(start.last_place),
      live_(start.position >= start.last_place),
      history_(options_.grace, start.sure),
      devices_({.collector = options_.collector, .max_devices = options_.max_devices, .on_past = options_.on_past},
               world.reporter),
      batch_(options_.collector),
      statement_bytes_(kMostStatementBytes),
      batch_records_(options_.batch_records) {
  if (start.sure < start.position) again_ = start.sure;
}

Shard::~Shard() {
  const greenrt::Shield shield;
  stop();
}

void Shard::start() {
  greenlet_ = greenrt::spawn([this] { run(); });
  greenlet_->set_name("shard " + std::to_string(options_.part));
  greenlet_->set_kind(greenrt::Hub::current().kind("shard"));
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

std::int64_t Shard::position() const {
  if (!queue_.empty()) return queue_.front().entry->place - 1;
  return live_ ? world_.journal.durable_place() : read_to_;
}

void Shard::push(Item item) {
  queued_bytes_ += item.entry->datagram.bytes.size();
  queue_.push_back(std::move(item));
}

void Shard::run() {
  while (true) {
    try {
      store_some();
    } catch (const db::Error& error) {
      cope(error);
    } catch (const std::exception& error) {
      pause_after(error, "shard_failed");
    }
  }
}

void Shard::store_some() {
  fill();
  pass_gate();
  const db::Lease connection = world_.pool.acquire(kWaitForConnection);
  // Coming by the connection, a loss may have been found, or another server.
  if (doubted_anew_ || !gate_is_open()) return;
  if (again_) {
    confirm_front(*connection);
  } else if (!queue_.empty()) {
    write_front(*connection);
  } else {
    write_devices(*connection);
  }
  failures_ = 0;
  pause_ = milliseconds(0);
  problem_.clear();
  statement_bytes_ = kMostStatementBytes;
  batch_records_ = std::min(options_.batch_records, batch_records_ + batch_records_ / 8 + 1);
}

bool Shard::gate_is_open() const {
  return !world_.gate || world_.gate->is_open();
}

void Shard::pass_gate() {
  if (gate_is_open()) return;
  while (!gate_is_open()) {
    if (!world_.gate->problem().empty()) problem_ = world_.gate->problem();
    world_.observer.on_trouble();
    world_.gate->wait_for_change(kWaitForConnection);
  }
  problem_.clear();
}

void Shard::fill() {
  while (true) {
    if (std::exchange(doubted_anew_, false)) forget_what_was_read();
    if (again_ ? !doubted_.empty() : !queue_.empty()) return;
    if (again_) {
      read_doubted();
    } else if (!live_) {
      read_on();
    } else if (devices_.is_due(greenrt::Clock::now())) {
      return;
    } else {
      work_.clear();
      const auto next_write = devices_.next_write();
      work_.wait(next_write ? greenrt::Deadline::at(*next_write) : greenrt::Deadline::never());
    }
  }
}

void Shard::hurry() {
  hurried_ = true;
  devices_.hurry();
  work_.set();
}

void Shard::read_on() {
  Journal::Page page;
  try {
    page = world_.backlog.read(options_.part, read_to_);
  } catch (const std::runtime_error& error) {
    return pause_after(error, "journal_not_readable");
  }
  problem_.clear();
  for (JournalRow& row : page.rows)
    push(restore(std::move(row)));
  if (const std::uint64_t records = page.quarantined()) world_.observer.on_quarantined(records);
  read_to_ = page.read_to;
  live_ = read_to_ >= last_offered_;
  if (live_) world_.backlog.leave(options_.part);
  world_.observer.on_position();
}

Shard::Item Shard::restore(JournalRow row) {
  Item item{.entry = ingest::Entry::make(), .records = row.records};
  ingest::Entry& entry = *item.entry;
  entry.place = row.place;
  entry.domain = row.domain;
  entry.datagram.origin = &world_.origins.find(row.listener, row.codec);
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
  entry.decoded.prove(row.auth_level);
  entry.set_durable();
  return item;
}

std::size_t Shard::request_bytes(const db::Connection& connection) const {
  return std::min(statement_bytes_, connection.max_allowed_packet() / 2);
}

void Shard::write(db::Connection& connection, std::size_t request_bytes, const Letter* letter) {
  const auto write_devices = [&](db::Connection& on) { devices_.write(on, request_bytes, greenrt::Clock::now()); };
  if (!letter) {
    batch_.write(connection, request_bytes, write_devices);
  } else {
    batch_.write_as_dead_letters(connection, request_bytes, letter->reason, letter->error, write_devices);
  }
  devices_.committed();
}

void Shard::write_front(db::Connection& connection) {
  const std::size_t loaded = load_devices(connection, queue_);
  look_for_used(connection, queue_, loaded);
  if (doubted_anew_) return;
  if (rule(queue_.front()) == Ruling::kRepetition) return settle_repetition();
  const std::size_t bytes = request_bytes(connection);
  const Letter* letter = letter_for(queue_.front());
  gather(queue_, loaded, bytes);
  write(connection, bytes, letter);
  const std::size_t records = batch_.records();
  const auto now = greenrt::Clock::now();
  for (const FrameBatch::Outcome& outcome : batch_.outcomes()) {
    complete(queue_.front(), outcome, now);
    queued_bytes_ -= queue_.front().entry->datagram.bytes.size();
    queue_.pop_front();
  }
  batch_.clear();
  world_.observer.on_batch(records);
  world_.observer.on_position();
}

// A look at what the next batch can hold: so many items. More may have come when it returns.
std::size_t Shard::load_devices(db::Connection& connection, const Items& items) {
  const std::size_t count = std::min(items.size(), options_.batch_records);
  std::vector<const ingest::Entry*> entries;
  for (std::size_t i = 0; i < count; ++i)
    if (items[i].readable) entries.push_back(items[i].entry.get());
  devices_.load(connection, entries);
  return count;
}

Shard::Ruling Shard::rule(const Item& item) const {
  return item.readable && !item.in_table.value_or(false) ? devices_.rule(*item.entry) : Ruling::kStore;
}

// A number that was used may have been used by other content, and one that is too old to tell may be that of a record
// which this very datagram has stored before a crash.
void Shard::look_for_used(db::Connection& connection, Items& items, std::size_t count) {
  std::vector<Item*> asked;
  std::vector<const ingest::Entry*> entries;
  for (std::size_t i = 0; i < std::min(items.size(), count); ++i) {
    const Ruling ruling = rule(items[i]);
    if (items[i].in_table || (ruling != Ruling::kRepetition && ruling != Ruling::kTooOld)) continue;
    ingest::identify(items[i].entry->decoded.records);
    asked.push_back(&items[i]);
    entries.push_back(items[i].entry.get());
  }
  const std::vector<bool> found = find_keys(connection, entries);
  for (std::size_t i = 0; i < asked.size(); ++i)
    asked[i]->in_table = found[i];
}

// What goes into dead_letter without a try; nullptr: nothing in the way.
const Shard::Letter* Shard::letter_for(const Item& item) const {
  static constexpr Letter kUnreadable{"unreadable", "the codec makes no records of it any more"};
  static constexpr Letter kDowngrade{"downgrade", "it proves nothing, though its device has proved itself before"};
  static constexpr Letter kReplayed{"replayed", "it is too old to tell whether it was stored before"};
  if (!item.readable) return &kUnreadable;
  switch (rule(item)) {
    case Ruling::kDowngrade:
      return &kDowngrade;
    case Ruling::kTooOld:
      return &kReplayed;
    case Ruling::kStore:
    case Ruling::kRepetition:
      break;
  }
  return nullptr;
}

void Shard::settle_repetition() {
  const auto now = greenrt::Clock::now();
  while (!queue_.empty() && queue_.front().in_table && rule(queue_.front()) == Ruling::kRepetition) {
    const auto records = static_cast<std::uint32_t>(queue_.front().entry->decoded.records.size());
    complete(queue_.front(), {.result = {.duplicate = records}}, now);
    queued_bytes_ -= queue_.front().entry->datagram.bytes.size();
    queue_.pop_front();
  }
  world_.observer.on_position();
}

void Shard::write_devices(db::Connection& connection) {
  db::Transaction transaction(connection);
  try {
    devices_.write(connection, request_bytes(connection), greenrt::Clock::now());
    transaction.commit();
  } catch (const db::Error& error) {
    if (!error.breaks_connection() && !connection.broken()) transaction.rollback();
    throw;
  }
  devices_.committed();
  world_.observer.on_position();
}

void Shard::gather(const Items& items, std::size_t loaded, std::size_t request_bytes) {
  batch_.clear();
  const Item& first = items.front();
  const ingest::Entry& front = *first.entry;
  if (letter_for(first)) {
    batch_.add(*first.entry, {});
    return;
  }
  const FrameBatch::Limits limits{.records = batch_records_, .bytes = request_bytes};
  const bool of_a_suspect = suspect(front);
  for (std::size_t i = 0; i < std::min(items.size(), loaded); ++i) {
    const Item& item = items[i];
    if (!item.readable || rule(item) != Ruling::kStore) return;
    const bool belongs = of_a_suspect ? item.entry->domain == front.domain : !suspect(*item.entry);
    if (!belongs || !batch_.add(*item.entry, limits)) return;
  }
}

void Shard::complete(const Item& item, const FrameBatch::Outcome& outcome, greenrt::Clock::time_point now) {
  ingest::Entry& entry = *item.entry;
  const std::size_t records = entry.decoded.records.size();
  if (records != item.records) {
    world_.observer.on_recount(static_cast<std::int64_t>(records) - static_cast<std::int64_t>(item.records));
  }
  note_outcome(entry, outcome);
  // What only repeats an old number says nothing of where its device is.
  const bool heard = outcome.result.stored > 0 || (outcome.result.duplicate > 0 && !item.in_table);
  if (heard) devices_.note(entry, now);
  const auto lag = item.fresh ? now - entry.datagram.received : greenrt::Duration::zero();
  world_.observer.on_stored(outcome.result, lag);
  entry.set_stored(outcome.result);
}

void Shard::note_outcome(const ingest::Entry& entry, const FrameBatch::Outcome& outcome) {
  letters_cut_ += outcome.letters_cut;
  if (outcome.refused) {
    note_refusal(entry);
  } else if (!refusals_.empty()) {
    refusals_.erase(entry.domain);
  }
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
  world_.reporter.warn(event, "shard " + std::to_string(options_.part), problem_);
  world_.observer.on_trouble();
  greenrt::sleep(options_.pause);
}

void Shard::cope(const db::Error& error) {
  const Remedy& remedy = remedy_for(error.error_class());
  ++retries_;
  problem_ = error.what();
  world_.observer.on_trouble();
  if (remedy.smaller_statements) statement_bytes_ = std::max(statement_bytes_ / 2, kLeastStatementBytes);
  if (error.took_too_long()) batch_records_ = std::max<std::size_t>(batch_records_ / 2, 1);
  if (remedy.alarm) world_.reporter.warn("store_stopped", "shard " + std::to_string(options_.part), problem_);
  if (++failures_ <= remedy.attempts_at_once) return;
  pause_ = std::clamp(pause_ * 2, remedy.first_pause, remedy.longest_pause);
  greenrt::sleep(jittered(pause_));
}

}  // namespace hilera
