#include "daemon/journal.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "daemon/journal_worker.h"
#include "greenrt/event.h"
#include "greenrt/hub.h"
#include "greenrt/hub_call.h"
#include "greenrt/runnable.h"

namespace hilera {
namespace {

using ingest::CustodyRefused;
using ingest::DropReason;
using ingest::EntryRef;

// What a row takes in a file beside its datagram, and what a commit takes besides.
constexpr std::uint64_t kRowOverhead = 128;
constexpr std::uint64_t kCommitOverhead = 64U << 10;

constexpr std::size_t kUsualDatagram = 512;

constexpr const char* kTooLarge = "journal.max_size is reached";

}  // namespace

class Journal::Impl {
 public:
  Impl(const JournalOptions& options, OnSettled on_settled)
      : options_(options),
        on_settled_(std::move(on_settled)),
        call_([this] { take_report(); }),
        worker_(options, [this] { call_.make(); }),
        next_place_(worker_.found().last_place + 1),
        durable_place_(worker_.found().last_place) {
    progress_->settled = durable_place_;
    take_report();
  }
  ~Impl() {
    hand_over_->give();
    worker_.finish();
    take_report();
  }

  [[nodiscard]] const Found& found() const { return worker_.found(); }

  void append(const EntryRef& entry) {
    const std::size_t size = entry->datagram.bytes.size();
    require_room(size);
    if (waiting_.empty()) call_.expect();
    waiting_.push_back(entry);
    stats_.waiting_bytes += size;
    stats_.waiting = waiting_.size();
    entry->place = next_place_++;
    hand_over_->add(*entry);
  }

  [[nodiscard]] std::int64_t durable_place() const { return durable_place_; }

  Page read(const JournalReader::Wanted& wanted) {
    const auto reading = std::make_shared<JournalWorker::Reading>();
    reading->wanted = wanted;
    reading->page.read_to = wanted.after;
    worker_.read(reading);
    call_.expect();
    try {
      reading->done.wait();
    } catch (...) {
      reading->abandoned = true;
      throw;
    }
    // From here on the journal may be gone.
    if (reading->error) std::rethrow_exception(reading->error);
    return std::move(reading->page);
  }

  void set_position(const StorePosition& position) {
    if (std::exchange(needed_, position.needed) > position.needed) spare_bytes_ = 0;
    worker_.set_position(position);
  }

  bool flush(greenrt::Deadline deadline) {
    const auto progress = progress_;
    const std::int64_t target = next_place_ - 1;
    while (progress->settled < target) {
      progress->changed.clear();
      if (!progress->changed.wait(deadline)) return false;
    }
    return true;
  }

  [[nodiscard]] const Stats& stats() const { return stats_; }
  [[nodiscard]] const greenrt::Histogram& commit_seconds() const { return commit_seconds_; }
  [[nodiscard]] const greenrt::Histogram& commit_rows() const { return commit_rows_; }

 private:
  // Gives the thread in one go what the greenlets append that are ready by the time the first one does: one lock for
  // all of them, and larger groups.
  class HandOver final : public greenrt::Runnable, public std::enable_shared_from_this<HandOver> {
   public:
    explicit HandOver(JournalWorker& worker) : Runnable(nullptr), worker_(worker) {}

    void add(const ingest::Entry& entry) {
      entries_.push_back(&entry);
      if (queued()) return;
      queued_self_ = shared_from_this();
      greenrt::Hub::current().schedule(*this);
    }
    void give() {
      if (!entries_.empty()) worker_.append(entries_);
      entries_.clear();
    }
    void run_in_hub() override {
      give();
      queued_self_.reset();
    }
    void abandon() noexcept override { queued_self_.reset(); }

   private:
    JournalWorker& worker_;
    std::vector<const ingest::Entry*> entries_;
    std::shared_ptr<HandOver> queued_self_;  // the queue does not own it
  };

  // What outlives the journal when it is closed while somebody waits in flush().
  struct Progress {
    std::int64_t settled = 0;
    greenrt::Event changed;
  };

  void require_room(std::size_t size) {
    if (health_ == JournalWorker::Health::kFull) throw CustodyRefused(DropReason::kJournalFull, stats_.problem);
    if (health_ == JournalWorker::Health::kFailed) throw CustodyRefused(DropReason::kJournalFailed, stats_.problem);
    if (waiting_.size() >= options_.max_waiting || stats_.waiting_bytes + size > options_.max_waiting_bytes) {
      throw CustodyRefused(DropReason::kJournalBusy, "too much waits for the journal");
    }
    if (!fits(size)) {
      stats_.problem = kTooLarge;
      throw CustodyRefused(DropReason::kJournalFull, kTooLarge);
    }
  }

  // Into max_size, with all that waits: once in the log, and once where the log is copied to.
  [[nodiscard]] bool fits(std::size_t size) const {
    const std::uint64_t coming = stats_.waiting_bytes + size + (waiting_.size() + 1) * kRowOverhead;
    return stats_.bytes - spare_bytes_ + 2 * coming + kCommitOverhead <= options_.max_size;
  }

  void take_report() {
    const JournalWorker::Report report = worker_.take_report();
    health_ = report.health;
    stats_.bytes = report.bytes;
    spare_bytes_ = report.spare_bytes;
    stats_.segments = report.segments;
    stats_.io_errors = report.io_errors;
    stats_.quarantined = report.quarantined;
    stats_.oldest_arrival = report.oldest_arrival;
    stats_.problem = report.problem;
    for (const JournalWorker::Settled& settled : report.settled)
      settle(settled);
    for (const auto& reading : report.readings) {
      reading->done.set();
      call_.expect_no_more();
    }
    if (stats_.problem.empty() && !fits(kUsualDatagram)) stats_.problem = kTooLarge;
  }

  void settle(const JournalWorker::Settled& settled) {
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(settled.entries);
    settled_now_.assign(std::move_iterator(waiting_.begin()), std::move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
    if (waiting_.empty()) call_.expect_no_more();
    for (const EntryRef& entry : settled_now_)
      stats_.waiting_bytes -= entry->datagram.bytes.size();
    stats_.waiting = waiting_.size();
    progress_->settled = settled_now_.back()->place;
    progress_->changed.set();
    if (settled.durable) {
      durable_place_ = progress_->settled;
      stats_.appended += settled.entries;
      ++stats_.commits;
      commit_seconds_.observe(settled.took);
      commit_rows_.observe(static_cast<double>(settled.entries));
    }
    on_settled_(settled_now_, settled.durable);
    settled_now_.clear();
  }

  const JournalOptions options_;
  const OnSettled on_settled_;
  greenrt::HubCall call_;
  JournalWorker worker_;
  std::shared_ptr<HandOver> hand_over_ = std::make_shared<HandOver>(worker_);
  std::deque<EntryRef> waiting_;  // in order, until they are settled
  std::vector<EntryRef> settled_now_;
  std::int64_t next_place_;
  std::int64_t durable_place_;
  std::int64_t needed_ = 0;        // as the store has said last
  std::uint64_t spare_bytes_ = 0;  // of files that go when their room is needed
  JournalWorker::Health health_ = JournalWorker::Health::kGood;
  Stats stats_;
  std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
  greenrt::Histogram commit_seconds_ = greenrt::Histogram::latency();
  greenrt::Histogram commit_rows_{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 4000};
};

Journal::Journal(const JournalOptions& options, OnSettled on_settled)
    : impl_(std::make_unique<Impl>(options, std::move(on_settled))) {}

Journal::~Journal() = default;

std::uint64_t Journal::Page::quarantined() const {
  return std::accumulate(lost.begin(), lost.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Loss& loss) { return sum + loss.records; });
}

const Journal::Found& Journal::found() const {
  return impl_->found();
}

void Journal::append(const EntryRef& entry) {
  impl_->append(entry);
}

std::int64_t Journal::durable_place() const {
  return impl_->durable_place();
}

Journal::Page Journal::read(std::int64_t after, const JournalParts& parts, std::size_t max_rows, std::size_t max_bytes,
                            std::int64_t until) {
  return impl_->read({.after = after, .until = until, .parts = parts, .max_rows = max_rows, .max_bytes = max_bytes});
}

void Journal::set_position(const StorePosition& position) {
  impl_->set_position(position);
}

bool Journal::flush(greenrt::Deadline deadline) {
  return impl_->flush(deadline);
}

const Journal::Stats& Journal::stats() const {
  return impl_->stats();
}

const greenrt::Histogram& Journal::commit_seconds() const {
  return impl_->commit_seconds();
}

const greenrt::Histogram& Journal::commit_rows() const {
  return impl_->commit_rows();
}

}  // namespace hilera
