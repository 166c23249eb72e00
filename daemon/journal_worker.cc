#include "daemon/journal_worker.h"

#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "daemon/logging.h"
#include "greenrt/error.h"
#include "greenrt/native_thread.h"

namespace hilera {
namespace {

using greenrt::Clock;

constexpr greenrt::Duration kShortestPause = std::chrono::milliseconds(100);
constexpr greenrt::Duration kLongestPause = std::chrono::seconds(1);
constexpr greenrt::Duration kPositionDelay = std::chrono::seconds(1);
constexpr greenrt::Duration kOldestDelay = std::chrono::seconds(1);
constexpr greenrt::Duration kReadSlice = std::chrono::milliseconds(3);  // between two commits
constexpr std::uint64_t kRowOverhead = 128;

// What they take at most, once in the log and once where that is copied to.
std::uint64_t bytes_of(std::span<const ingest::Entry* const> entries) {
  std::uint64_t bytes = 0;
  for (const ingest::Entry* entry : entries)
    bytes += 2 * (entry->datagram.bytes.size() + kRowOverhead);
  return bytes;
}

}  // namespace

JournalWorker::JournalWorker(const JournalOptions& options, std::function<void()> on_report)
    : options_(options), on_report_(std::move(on_report)), folder_(options_), found_(folder_.found()) {
  keep_up();
  thread_ = greenrt::start_native_thread([this] { run(); });
}

JournalWorker::~JournalWorker() {
  finish();
}

void JournalWorker::finish() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  work_.notify_one();
  thread_.join();
}

void JournalWorker::append(std::span<const ingest::Entry* const> entries) {
  std::unique_lock lock(mutex_);
  incoming_.insert(incoming_.end(), entries.begin(), entries.end());
  const bool wake = std::exchange(idle_, false);
  lock.unlock();
  if (wake) work_.notify_one();
}

void JournalWorker::read(std::shared_ptr<Reading> reading) {
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back(std::move(reading));
    idle_ = false;
  }
  work_.notify_one();
}

void JournalWorker::set_position(const StorePosition& position) {
  std::unique_lock lock(mutex_);
  // While one waits to be taken, the thread knows that it has to look.
  const bool wake = !position_ && std::exchange(idle_, false);
  position_ = position;
  lock.unlock();
  if (wake) work_.notify_one();
}

JournalWorker::Report JournalWorker::take_report() {
  const std::lock_guard lock(mutex_);
  report_waits_ = false;
  Report taken = report_;
  report_.settled.clear();
  report_.readings.clear();
  return taken;
}

template <typename Change>
void JournalWorker::report(Change change) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    change(report_);
    wake = !std::exchange(report_waits_, true);
  }
  if (wake) on_report_();
}

void JournalWorker::run() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wait_for_work(lock);
      if (closing_) break;
    }
    write();
    keep_up();
    read_some();
  }
  // Once more, without patience.
  try_again_ = {};
  write();
  if (written_ < taken_.size()) give_up();
  if (folder_.position_waits()) try_write([this] { folder_.write_position(); });
  for (const auto& reading : std::exchange(readings_, {})) {
    reading->error = std::make_exception_ptr(greenrt::Closed("the journal was closed"));
    report([&](Report& to) { to.readings.push_back(reading); });
  }
}

// Takes what has come.
void JournalWorker::wait_for_work(std::unique_lock<std::mutex>& lock) {
  const auto take = [this] {
    if (taken_.empty()) {
      taken_.swap(incoming_);
    } else {
      taken_.insert(taken_.end(), incoming_.begin(), incoming_.end());
      incoming_.clear();
    }
    for (auto& reading : asked_)
      readings_.push_back(std::move(reading));
    asked_.clear();
    if (const auto position = std::exchange(position_, std::nullopt)) folder_.set_position(*position);
    if (folder_.position_waits() && position_due_ == Clock::time_point{}) position_due_ = Clock::now() + kPositionDelay;
  };
  while (true) {
    take();
    if (closing_ || has_work(Clock::now())) return;
    idle_ = true;
    const auto woken = [this] { return closing_ || !idle_; };
    if (const auto until = due()) {
      work_.wait_until(lock, *until, woken);
    } else {
      work_.wait(lock, woken);
    }
    idle_ = false;
  }
}

bool JournalWorker::has_work(Clock::time_point now) const {
  if (!readings_.empty()) return true;
  if (refused_since_) return now >= try_again_;
  const auto until = due();
  return !taken_.empty() || (until && now >= *until);
}

// When something has to be done though nothing comes.
std::optional<Clock::time_point> JournalWorker::due() const {
  if (refused_since_) return try_again_;
  std::optional<Clock::time_point> first = folder_.removal_due();
  const auto consider = [&](Clock::time_point when) { first = std::min(first.value_or(when), when); };
  if (folder_.position_waits()) consider(position_due_);
  if (oldest_arrival_ != 0) consider(oldest_due_);
  return first;
}

void JournalWorker::write() {
  const auto now = Clock::now();
  if (refused_since_ && now < try_again_) return;
  if (!taken_.empty()) {
    commit_some();
  } else if (refused_since_ || (folder_.position_waits() && now >= position_due_)) {
    try_write([this] { refused_since_ ? folder_.probe() : folder_.write_position(); });
  }
}

void JournalWorker::commit_some() {
  while (written_ < taken_.size()) {
    const auto entries = std::span(taken_).subspan(written_, std::min(taken_.size() - written_, kMostRows));
    const auto begin = Clock::now();
    folder_.make_room(bytes_of(entries));
    if (!try_write([&] { folder_.commit(entries); })) break;
    written_ += entries.size();
    report([&](Report& to) {
      to.settled.push_back({.entries = entries.size(), .durable = true, .took = Clock::now() - begin});
      to.health = health_;
      to.problem = problem_;
      // What does not wait any more takes room now.
      to.bytes = folder_.bytes();
      to.spare_bytes = folder_.spare_bytes();
    });
  }
  if (written_ < taken_.size()) return;
  taken_.clear();
  written_ = 0;
}

// Twice, because after most faults the second attempt goes to a new file.
bool JournalWorker::try_write(const std::function<void()>& attempt) {
  for (const bool first : {true, false}) {
    Health health = Health::kFailed;
    std::string what;
    try {
      attempt();
      recovered();
      return true;
    } catch (const sqlite::Error& error) {
      if (error.trouble() == sqlite::Trouble::kFull) health = Health::kFull;
      what = error.what();
    } catch (const std::system_error& error) {
      if (error.code() == std::errc::no_space_on_device) health = Health::kFull;
      what = error.what();
    }
    if (health == Health::kFull && first && folder_.make_room(options_.max_size)) continue;
    if (health == Health::kFailed) note_io_error(what);
    if (health == Health::kFull || !first) {
      refused(health, what);
      return false;
    }
  }
  return false;
}

void JournalWorker::recovered() {
  position_due_ = {};
  if (!refused_since_) return;
  refused_since_.reset();
  health_ = Health::kGood;
  problem_.clear();
  pause_ = {};
  log::info("journal_recovered");
}

void JournalWorker::note_io_error(const std::string& what) {
  ++io_errors_;
  log::write_limited(LogLevel::kError, "journal_io_error", {{"error", what}});
}

void JournalWorker::refused(Health health, const std::string& what) {
  const auto now = Clock::now();
  if (!refused_since_) {
    refused_since_ = now;
    log::error("journal_refused", {{"directory", options_.directory}, {"error", what}});
  }
  health_ = health;
  problem_ = what;
  pause_ = std::clamp(2 * pause_, kShortestPause, kLongestPause);
  try_again_ = now + std::min(pause_, options_.patience);
  if (now - *refused_since_ >= options_.patience) give_up();
  publish();
}

void JournalWorker::give_up() {
  const std::size_t entries = taken_.size() - std::exchange(written_, 0);
  taken_.clear();
  if (entries == 0) return;
  log::error("journal_lost", {{"datagrams", entries}});
  report([&](Report& to) { to.settled.push_back({.entries = entries, .durable = false}); });
}

// What has to be done besides.
void JournalWorker::keep_up() {
  try {
    folder_.rotate();
  } catch (const std::runtime_error& error) {
    note_io_error(error.what());  // the next commit tries again
  }
  const auto now = Clock::now();
  folder_.remove_covered(now);
  if (now >= oldest_due_) {
    oldest_due_ = now + kOldestDelay;
    try {
      oldest_arrival_ = folder_.oldest_arrival();
    } catch (const sqlite::Error& error) {
      log::write_limited(LogLevel::kWarning, "journal_unreadable", {{"error", error.what()}});
    }
  }
  publish();
}

// The figures; they need nobody's attention, unless the health has changed.
void JournalWorker::publish() {
  const std::uint64_t bytes = folder_.bytes();
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    report_.bytes = bytes;
    report_.spare_bytes = folder_.spare_bytes();
    report_.segments = folder_.segments();
    report_.io_errors = io_errors_;
    report_.quarantined = quarantined_;
    report_.oldest_arrival = oldest_arrival_;
    changed = report_.health != health_ || std::exchange(published_bytes_, bytes) > bytes;
    report_.health = health_;
    report_.problem = problem_;
  }
  if (changed) report([](Report&) {});
}

// For a while, so that a backlog is read as fast as what is new is written.
void JournalWorker::read_some() {
  if (readings_.empty()) return;
  const auto end = Clock::now() + kReadSlice;
  do {
    read_step();
  } while (!readings_.empty() && Clock::now() < end);
}

// One step of the first call that waits; then it is the next one's turn.
void JournalWorker::read_step() {
  const std::shared_ptr<Reading> reading = std::move(readings_.front());
  readings_.pop_front();
  try {
    if (!reading->abandoned && folder_.read_some(reading->wanted, reading->page)) {
      readings_.push_back(reading);
      return;
    }
    quarantined_ += reading->page.quarantined();
  } catch (const std::runtime_error& error) {
    reading->error = std::make_exception_ptr(std::runtime_error(error.what()));
  }
  report([&](Report& to) {
    to.readings.push_back(reading);
    to.quarantined = quarantined_;
  });
}

}  // namespace hilera
