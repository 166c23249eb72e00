#include "greenrt/condition.h"

#include <stdexcept>

#include "greenrt/greenlet.h"

namespace greenrt {

bool Condition::wait(Deadline deadline) {
  const struct Relock {
    explicit Relock(RLock& its_lock) : lock(its_lock), depth(its_lock.release_all()) {}
    ~Relock() {
      const Shield shield;
      lock.acquire_again(depth);
    }
    RLock& lock;
    const std::size_t depth;
  } relock(lock_);

  WaitList::Waiter waiter;
  try {
    return waiters_.wait(waiter, "Condition", deadline);
  } catch (...) {
    if (waiter.woken()) waiters_.wake_one();
    throw;
  }
}

void Condition::require_lock() const {
  if (!lock_.owned()) throw std::logic_error("only the greenlet that holds the lock can notify");
}

void Condition::notify(std::size_t count) {
  require_lock();
  while (count > 0 && waiters_.wake_one())
    --count;
}

void Condition::notify_all() {
  require_lock();
  waiters_.wake_all();
}

}  // namespace greenrt
