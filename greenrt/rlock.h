// RLock: a mutual exclusion that its owner may enter again. The owner is a greenlet.
//
// Entered strictly in the order of asking. It has lock(), try_lock() and unlock() beside gevent's words, so that
// std::lock_guard and std::unique_lock hold it for a scope.

#pragma once

#include <cstddef>
#include <cstdint>

#include "greenrt/deadline.h"
#include "greenrt/semaphore.h"

namespace greenrt {

class RLock {
 public:
  // Yields until the lock is had (true) or until the deadline (false); at once for its owner. Cancelled: not taken.
  // Throws std::logic_error on the hub.
  bool acquire(Deadline deadline = Deadline::never());
  // Never yields.
  bool try_acquire();
  // Once for each acquire(); the last one lets the next greenlet in. Throws std::logic_error when the running greenlet
  // does not hold the lock. Never yields.
  void release();

  void lock() { acquire(); }
  bool try_lock() { return try_acquire(); }
  void unlock() { release(); }

  // The running greenlet holds it.
  [[nodiscard]] bool owned() const;
  [[nodiscard]] bool locked() const { return free_.permits() == 0; }
  // How often its owner has entered it.
  [[nodiscard]] std::size_t depth() const { return depth_; }

 private:
  friend class Condition;

  void set_owner(std::uint64_t owner);
  // Leaves the lock altogether, and enters it again as often. For Condition.
  std::size_t release_all();
  void acquire_again(std::size_t depth);

  Semaphore free_{1};
  std::uint64_t owner_ = 0;  // its number: a pointer could be another greenlet's by now
  std::size_t depth_ = 0;
};

}  // namespace greenrt
