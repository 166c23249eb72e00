#include "greenrt/wait_set.h"

namespace greenrt {

WaitSet::~WaitSet() {
  ready_.clear();
  for (Entry& entry : entries_) {
    if (entry.list) entry.list->remove(entry);
  }
}

void WaitSet::add_to(WaitList* list) {
  Entry& entry = entries_.emplace_back(entries_.size(), list);
  ++remaining_;
  if (list) {
    list->add(entry, *this);
  } else {
    ready_.push_back(entry);
  }
}

void WaitSet::woken(WaitList::Waiter& waiter) noexcept {
  static_cast<Entry&>(waiter).list = nullptr;
  ready_.push_back(waiter);
  waiter_.wake_one();
}

std::optional<std::size_t> WaitSet::next(Deadline deadline) {
  if (remaining_ == 0) return std::nullopt;
  while (ready_.empty()) {
    WaitList::Waiter self;
    if (!waiter_.wait(self, "any of several", deadline)) return std::nullopt;
  }
  const std::size_t number = static_cast<Entry&>(ready_.front()).number;
  ready_.pop_front();
  --remaining_;
  return number;
}

}  // namespace greenrt
