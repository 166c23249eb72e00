#include "ingest/entry.h"

#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

namespace ingest {
namespace {

constexpr std::size_t kMostSpare = 16384;
constexpr std::size_t kMostRecordsOfSpare = 32;
constexpr std::size_t kLargestSpare = 1536;  // bytes of a datagram: larger buffers are rare, and are given back

}  // namespace

struct SpareEntries {
  SpareEntries() { entries.reserve(kMostSpare); }
  ~SpareEntries() {
    for (Entry* entry : entries)
      delete entry;
  }

  Entry* take() {
    if (entries.empty()) return new Entry;
    Entry* const entry = entries.back();
    entries.pop_back();
    return entry;
  }
  void put(Entry* entry) noexcept {
    if (entries.size() < kMostSpare && entry->datagram.bytes.capacity() <= kLargestSpare &&
        entry->decoded.records.capacity() <= kMostRecordsOfSpare) {
      entries.push_back(entry);
    } else {
      delete entry;
    }
  }

  static SpareEntries& of_this_thread() {
    static thread_local SpareEntries spare;
    return spare;
  }

  std::vector<Entry*> entries;
};

EntryRef Entry::make() {
  return EntryRef(SpareEntries::of_this_thread().take());
}

void Entry::recycle(Entry* entry) noexcept {
  entry->place = 0;
  entry->domain = 0;
  entry->state_ = State::kNew;
  entry->result_ = {};
  SpareEntries::of_this_thread().put(entry);
}

bool Entry::wait_durable() {
  while (state_ == State::kNew) {
    greenrt::WaitList::Waiter waiter;
    waiting_.wait(waiter, "journal", greenrt::Deadline::never());
  }
  return durable();
}

std::optional<StoreResult> Entry::wait_stored(greenrt::Deadline deadline) {
  while (state_ == State::kNew || state_ == State::kDurable) {
    greenrt::WaitList::Waiter waiter;
    if (!waiting_.wait(waiter, "commit", deadline)) break;
  }
  return state_ == State::kStored ? std::optional(result_) : std::nullopt;
}

void Entry::set_stored(const StoreResult& result) {
  result_ = result;
  move_to(State::kStored);
}

void Entry::move_to(State state) {
  const State before = state == State::kDurable || state == State::kLost ? State::kNew : State::kDurable;
  if (state_ != before) throw std::logic_error("an entry went a way that there is not");
  state_ = state;
  waiting_.wake_all();
}

}  // namespace ingest
