// WaitList: the greenlets that wait for one thing, in the order in which they came. What every primitive is made of.
//
// The caller owns each Waiter, on its own stack. A waiter leaves the list when it is woken, when its deadline passes,
// or when an exception is thrown into its greenlet; each of these happens once, whatever comes first. A waiter that was
// woken and then hit by an exception before it could run still says woken(): whoever gives out a thing to exactly one
// waiter (a permit, an item) must hand it on then. A waiter may also stand for an Observer, which does not yield.

#pragma once

#include <boost/intrusive/list.hpp>
#include <ev.h>

#include <cstddef>
#include <cstdint>

#include "greenrt/deadline.h"

namespace greenrt {

class Greenlet;

class WaitList {
 public:
  class Waiter;

  // Somebody who is told instead of a greenlet that is woken: for waiting on several lists at once, and for keeping
  // books. Told on the stack of whoever wakes: it must neither wait nor throw. The waiter has left the list.
  class Observer {
   public:
    virtual void woken(Waiter& waiter) noexcept = 0;

   protected:
    ~Observer() = default;
  };

  class Waiter : public boost::intrusive::list_base_hook<> {
   public:
    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    [[nodiscard]] bool woken() const { return woken_; }

   private:
    friend class WaitList;
    union {
      Greenlet* greenlet_ = nullptr;
      Observer* observer_;
    };
    bool observed_ = false;
    bool woken_ = false;
  };

  WaitList() = default;
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;
  // No greenlet may be waiting.
  ~WaitList();

  // Yields until woken (true) or until the deadline (false). `what` names the thing waited for, for reports: static
  // text. Cancelled: leaves the list and passes the exception on. From a callback of the hub: throws std::logic_error.
  bool wait(Waiter& waiter, const char* what, Deadline deadline);

  // Waits without a greenlet: `observer` is told of the wake-up. The waiter must leave before it is destroyed. Never
  // yields.
  void add(Waiter& waiter, Observer& observer);
  void remove(Waiter& waiter);

  // Makes the first waiter, or every waiter, ready to run. Never yields.
  bool wake_one();
  std::size_t wake_all();

  // The number of the greenlet without which nobody here is woken: whose end is waited for, or who holds the lock; 0
  // for none. It may have ended. For reports.
  void set_owner(std::uint64_t owner) { owner_ = owner; }
  [[nodiscard]] std::uint64_t owner() const { return owner_; }

  [[nodiscard]] bool empty() const { return waiters_.empty(); }
  [[nodiscard]] std::size_t size() const { return waiters_.size(); }

  // The waiter that wake_one() would wake. Not to be called on an empty list.
  [[nodiscard]] Waiter& front() { return waiters_.front(); }

 private:
  static bool tell_observer(Waiter& waiter);
  bool wait_until(Waiter& waiter, const char* what, Deadline deadline);

  boost::intrusive::list<Waiter> waiters_;
  std::uint64_t owner_ = 0;
};

}  // namespace greenrt
