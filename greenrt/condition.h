// Condition: greenlets wait, without the lock, until another one that holds the lock has changed something.
//
//   std::lock_guard lock(condition.lock());
//   condition.wait_for([&] { return !jobs.empty(); });
//
// Between greenlets of one hub nothing changes while nobody yields, so most often an Event or a Queue says the same
// with less; a Condition is for what must hold over several waits, or for code that was written for threads.
//
// Waiters are notified in the order in which they came. A notification is not lost: when the waiter that got it is
// killed before it could run, the next one gets it.

#pragma once

#include <cstddef>

#include "greenrt/deadline.h"
#include "greenrt/rlock.h"
#include "greenrt/wait_list.h"

namespace greenrt {

class Condition {
 public:
  // Has a lock of its own, or shares `lock`, which must outlive it.
  Condition() : lock_(own_lock_) {}
  explicit Condition(RLock& lock) : lock_(lock) {}
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  [[nodiscard]] RLock& lock() { return lock_; }

  // Leaves the lock, however often it was entered, and yields until notified (true) or until the deadline (false).
  // Holds the lock again when it returns or throws: that wait for the lock knows no deadline and cannot be cancelled.
  // Throws std::logic_error when the running greenlet does not hold the lock.
  bool wait(Deadline deadline = Deadline::never());

  // The same until `predicate()` is true, which is asked with the lock held. The predicate's last answer.
  template <typename Predicate>
  bool wait_for(Predicate predicate, Deadline deadline = Deadline::never()) {
    while (!predicate()) {
      if (!wait(deadline)) return predicate();
    }
    return true;
  }

  // Wakes the first waiters, or all of them; they go on once they have the lock. Throws std::logic_error when the
  // running greenlet does not hold the lock. Never yields.
  void notify(std::size_t count = 1);
  void notify_all();

  [[nodiscard]] std::size_t waiting() const { return waiters_.size(); }

 private:
  void require_lock() const;

  RLock own_lock_;
  RLock& lock_;
  WaitList waiters_;
};

}  // namespace greenrt
