// Semaphore: a number of permits. Handed out strictly in the order of asking: release() gives the permit to the first
// waiter, so that nobody who comes later can take it on the way.

#pragma once

#include <cstddef>

#include "greenrt/deadline.h"
#include "greenrt/wait_list.h"

namespace greenrt {

class Semaphore {
 public:
  explicit Semaphore(std::size_t permits = 1) : permits_(permits) {}

  [[nodiscard]] std::size_t permits() const { return permits_; }
  [[nodiscard]] std::size_t waiting() const { return waiters_.size(); }

  // Yields until a permit is had (true) or until the deadline (false). Cancelled: no permit is taken or lost.
  bool acquire(Deadline deadline = Deadline::never()) {
    if (try_acquire()) return true;
    WaitList::Waiter waiter;
    try {
      return waiters_.wait(waiter, "Semaphore", deadline);
    } catch (...) {
      if (waiter.woken()) release();
      throw;
    }
  }

  // Never yields.
  bool try_acquire() {
    if (permits_ == 0) return false;
    --permits_;
    return true;
  }

  void release() {
    if (!waiters_.wake_one()) ++permits_;
  }

 private:
  std::size_t permits_;
  WaitList waiters_;
};

// Holds one permit for a scope.
class Permit {
 public:
  explicit Permit(Semaphore& semaphore) : semaphore_(semaphore) { semaphore_.acquire(); }
  ~Permit() { semaphore_.release(); }
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;

 private:
  Semaphore& semaphore_;
};

}  // namespace greenrt
