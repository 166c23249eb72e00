#include "greenrt/greenlet_local.h"

#include <algorithm>
#include <atomic>

namespace greenrt::detail {

Locals::Id Locals::new_id() {
  static std::atomic<Id> last = 0;
  return ++last;
}

void Locals::clear() {
  // What is destroyed may look at others, and even make some.
  while (!entries_.empty()) {
    const Entry newest = entries_.back();
    entries_.pop_back();
    newest.destroy(newest.value);
  }
}

void* Locals::find(Id id) const {
  const auto found = std::ranges::find(entries_, id, &Entry::id);
  return found == entries_.end() ? nullptr : found->value;
}

void Locals::add(Id id, void* value, void (*destroy)(void*)) {
  entries_.push_back({id, value, destroy});
}

void Locals::remove(Id id) {
  const auto found = std::ranges::find(entries_, id, &Entry::id);
  if (found == entries_.end()) return;
  const Entry entry = *found;
  entries_.erase(found);
  entry.destroy(entry.value);
}

}  // namespace greenrt::detail
