// JournalWorker: the thread that does all that touches the disk, and its two queues.
//
// Entries come in as plain pointers, in order; the hub keeps the references until they are settled. The thread takes
// all that are waiting (at most kMostRows a commit) and makes them durable; between two commits it reads, in small
// steps. What it has done is gathered in a Report, which the hub takes after a wake-up by `on_report`.
//
// A disk that refuses: the entries stay, and are tried again after a pause; when that has gone on for
// JournalOptions::patience, they are settled as lost.

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "daemon/journal.h"
#include "daemon/journal_folder.h"
#include "greenrt/event.h"

namespace hilera {

class JournalWorker {
 public:
  static constexpr std::size_t kMostRows = 4096;

  enum class Health : std::uint8_t { kGood, kFull, kFailed };

  // Some entries, the next ones in order.
  struct Settled {
    std::size_t entries = 0;
    bool durable = false;
    greenrt::Duration took{};
  };

  // A call of read(). The thread writes page and error before it reports it, and nothing after.
  struct Reading {
    JournalReader::Wanted wanted;
    Journal::Page page;
    std::exception_ptr error;
    std::atomic<bool> abandoned = false;
    greenrt::Event done;  // the hub's
  };

  struct Report {
    std::vector<Settled> settled;
    std::vector<std::shared_ptr<Reading>> readings;
    // As of now.
    std::uint64_t bytes = 0;
    std::uint64_t spare_bytes = 0;
    std::uint64_t segments = 0;
    std::uint64_t io_errors = 0;
    std::uint64_t quarantined = 0;
    std::int64_t oldest_arrival = 0;
    Health health = Health::kGood;
    std::string problem;
  };

  // `on_report` is called on the thread when there is a report and the one before has been taken.
  JournalWorker(const JournalOptions& options, std::function<void()> on_report);
  // Makes durable what waits, once, and ends; readings come back with an error.
  ~JournalWorker();
  JournalWorker(const JournalWorker&) = delete;
  JournalWorker& operator=(const JournalWorker&) = delete;

  [[nodiscard]] const Journal::Found& found() const { return found_; }

  // For the hub.
  void append(std::span<const ingest::Entry* const> entries);
  void read(std::shared_ptr<Reading> reading);
  void set_position(const StorePosition& position);
  Report take_report();
  // The last step of the destructor, for who wants the last report.
  void finish();

 private:
  using Entries = std::vector<const ingest::Entry*>;

  void run();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] bool has_work(greenrt::Clock::time_point now) const;
  [[nodiscard]] std::optional<greenrt::Clock::time_point> due() const;
  void write();
  void commit_some();
  bool try_write(const std::function<void()>& attempt);
  void note_io_error(const std::string& what);
  void refused(Health health, const std::string& what);
  void recovered();
  void give_up();
  void keep_up();
  void publish();
  void read_some();
  void read_step();
  template <typename Change>
  void report(Change change);

  const JournalOptions options_;
  const std::function<void()> on_report_;
  JournalFolder folder_;
  const Journal::Found found_;

  // The thread's own.
  Entries taken_;
  std::size_t written_ = 0;  // of taken_
  std::deque<std::shared_ptr<Reading>> readings_;
  Health health_ = Health::kGood;
  std::string problem_;
  std::uint64_t io_errors_ = 0;
  std::uint64_t quarantined_ = 0;
  std::int64_t oldest_arrival_ = 0;
  std::uint64_t published_bytes_ = 0;
  std::optional<greenrt::Clock::time_point> refused_since_;
  greenrt::Duration pause_{};
  greenrt::Clock::time_point try_again_{};
  greenrt::Clock::time_point position_due_{};
  greenrt::Clock::time_point oldest_due_{};

  // Shared.
  std::mutex mutex_;
  std::condition_variable work_;
  bool idle_ = false;
  bool closing_ = false;
  bool report_waits_ = false;
  Entries incoming_;
  std::vector<std::shared_ptr<Reading>> asked_;
  std::optional<StorePosition> position_;
  Report report_;

  std::thread thread_;
};

}  // namespace hilera
