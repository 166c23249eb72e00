// Semaphore: a number of permits. Handed out strictly in the order of asking: release() gives the permit to the first
// waiter, so that nobody who comes later can take it on the way.
//
// BoundedSemaphore: one that finds out when more is released than was acquired.

#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>

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

  // For reports: the number of the greenlet that has the permit, where there is one; 0 for none.
  void set_owner(std::uint64_t owner) { waiters_.set_owner(owner); }

  // Never yields. A BoundedSemaphore throws std::logic_error when all its permits are there already.
  void release() {
    if (waiters_.wake_one()) return;
    if (permits_ == bound_) throw std::logic_error("a BoundedSemaphore was released more often than acquired");
    ++permits_;
  }

 protected:
  Semaphore(std::size_t permits, std::size_t bound) : permits_(permits), bound_(bound) {}

 private:
  std::size_t permits_;
  std::size_t bound_ = std::numeric_limits<std::size_t>::max();
  WaitList waiters_;
};

class BoundedSemaphore : public Semaphore {
 public:
  explicit BoundedSemaphore(std::size_t permits = 1) : Semaphore(permits, permits) {}
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
