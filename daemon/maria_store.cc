#include "daemon/maria_store.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "db/error.h"
#include "db/transaction.h"
#include "greenrt/greenlet.h"
#include "ingest/listener.h"

namespace hilera {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{10};
constexpr milliseconds kLongestPause{1000};
constexpr std::chrono::seconds kProblemLasts{10};
constexpr int kRetriesAtOnce = 3;  // then with a pause, so that what never ends does not become a hot loop

bool worth_retrying_at_once(db::ErrorClass error_class) {
  return error_class == db::ErrorClass::kRetry || error_class == db::ErrorClass::kRollbackRetry;
}

// What does not pass by itself. A refused row is dead-lettered, so that class comes here only from dead_letter itself.
bool needs_somebody(db::ErrorClass error_class) {
  return error_class == db::ErrorClass::kStopAndAlarm || error_class == db::ErrorClass::kPoisonRow ||
         error_class == db::ErrorClass::kSplit;
}

}  // namespace

// One try to store one datagram, on one connection.
class MariaStore::Attempt {
 public:
  Attempt(std::string_view collector, db::Connection& connection, const ingest::Datagram& datagram,
          const ingest::Decoded& decoded, greenrt::Deadline deadline)
      : collector_(collector), connection_(connection), datagram_(datagram), decoded_(decoded), deadline_(deadline) {}

  ingest::StoreResult run() {
    if (decoded_.records.size() == 1) {
      store(decoded_.records.front());
    } else {
      store_as_one();
    }
    return result_;
  }

 private:
  void store_as_one() {
    db::Transaction transaction(connection_, deadline_);
    try {
      for (const ingest::Record& record : decoded_.records)
        store(record);
      transaction.commit(deadline_);
    } catch (const db::Error& error) {
      if (!error.breaks_connection() && !connection_.broken()) transaction.rollback(deadline_);
      throw;
    }
  }

  void store(const ingest::Record& record) {
    const FrameRow row(collector_, datagram_, decoded_, record);
    db::Rows answer;
    try {
      answer = connection_.execute(kInsertFrame, row.values(), deadline_);
    } catch (const db::Error& error) {
      // The statement has been rolled back, not the transaction.
      if (error.error_class() != db::ErrorClass::kPoisonRow) throw;
      return dead_letter(record, "refused", error.what());
    }
    count(record, classify_answer(answer[0], datagram_, record));
  }

  void count(const ingest::Record& record, RecordOutcome outcome) {
    if (outcome == RecordOutcome::kConflict) {
      dead_letter(record, "conflict", "another record has the same key");
    } else if (outcome == RecordOutcome::kDuplicate || stands_before(record)) {
      ++result_.duplicate;
    } else {
      ++result_.stored;
    }
  }

  // Whether the same datagram holds the same record twice.
  [[nodiscard]] bool stands_before(const ingest::Record& record) const {
    return std::any_of(decoded_.records.data(), &record,
                       [&](const ingest::Record& earlier) { return earlier.frame_id == record.frame_id; });
  }

  void dead_letter(const ingest::Record& record, std::string_view reason, std::string_view error) {
    const DeadLetterRow row(collector_, datagram_, decoded_, record, reason, error);
    connection_.execute(kInsertDeadLetter, row.values(), deadline_);
    ++result_.dead_lettered;
  }

  std::string_view collector_;
  db::Connection& connection_;
  const ingest::Datagram& datagram_;
  const ingest::Decoded& decoded_;
  greenrt::Deadline deadline_;
  ingest::StoreResult result_;
};

ingest::StoreResult MariaStore::store(const ingest::Datagram& datagram, const ingest::Decoded& decoded,
                                      greenrt::Deadline deadline) {
  greenrt::Deadline limit = deadline;
  milliseconds pause = kFirstPause;
  int retries_at_once = kRetriesAtOnce;
  std::string last_error = "its time was over before the first attempt";
  while (!limit.expired()) {
    greenrt::Deadline attempt_end = limit;
    try {
      const db::Lease connection = pool_.acquire(limit);
      attempt_end = pool_.query_timeout();
      const auto result = Attempt(collector_, *connection, datagram, decoded, attempt_end).run();
      problem_.clear();
      return result;
    } catch (const db::Error& error) {
      last_error = error.what();
      if (error.breaks_connection() && attempt_end.time() > limit.time()) limit = attempt_end;
      ++retries_;
      if (needs_somebody(error.error_class())) {
        note_problem(last_error);
        reporter_.warn("store_stopped", datagram.listener->name(), last_error);
      }
      if (worth_retrying_at_once(error.error_class()) && retries_at_once-- > 0) continue;
    }
    greenrt::sleep(std::min<greenrt::Duration>(pause, limit.remaining()));
    pause = std::min(pause * 2, kLongestPause);
  }
  note_problem(last_error);
  throw ingest::StoreUnavailable(last_error);
}

void MariaStore::note_problem(const std::string& error) {
  problem_ = error;
  problem_since_ = greenrt::Clock::now();
}

std::string MariaStore::problem() const {
  return greenrt::Clock::now() - problem_since_ < kProblemLasts ? problem_ : std::string();
}

}  // namespace hilera
