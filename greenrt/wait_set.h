// WaitSet: waits for several things at once, and tells which of them became ready, in the order in which they did.
//
//   switch (*wait_any(5s, *worker, shutdown)) ...   // 0: the worker has ended, 1: the event was set
//
// For what stays ready once it is: the end of a greenlet, an Event, an AsyncResult. Nothing is taken from them. Every
// object given to a set must outlive the set.

#pragma once

#include <boost/intrusive/list.hpp>

#include <concepts>
#include <cstddef>
#include <deque>
#include <optional>

#include "greenrt/deadline.h"
#include "greenrt/wait_list.h"

namespace greenrt {

template <typename T>
concept Waitable = requires(T& object) {
  { object.ready() } -> std::convertible_to<bool>;
  { object.waiters() } -> std::same_as<WaitList&>;
};

// Used by one greenlet at a time.
class WaitSet final : private WaitList::Observer {
 public:
  WaitSet() = default;
  WaitSet(const WaitSet&) = delete;
  WaitSet& operator=(const WaitSet&) = delete;
  ~WaitSet();

  // The first object is number 0, the next one number 1. Never yields.
  template <Waitable Object>
  void add(Object& object) {
    add_to(object.ready() ? nullptr : &object.waiters());
  }

  // Yields until an object is ready that was not told of before: its number. Nothing at the deadline, or when all have
  // been told of. Cancelled: nothing is lost, the next call tells.
  std::optional<std::size_t> next(Deadline deadline = Deadline::never());

  // Not told of yet.
  [[nodiscard]] std::size_t remaining() const { return remaining_; }

 private:
  struct Entry : WaitList::Waiter {
    Entry(std::size_t its_number, WaitList* its_list) : number(its_number), list(its_list) {}
    const std::size_t number;
    WaitList* list;  // nullptr once it is ready
  };

  void add_to(WaitList* list);
  void woken(WaitList::Waiter& waiter) noexcept override;

  std::deque<Entry> entries_;
  boost::intrusive::list<WaitList::Waiter> ready_;
  std::size_t remaining_ = 0;
  WaitList waiter_;
};

// Yields until one of the objects is ready: its place among them. Nothing at the deadline. The first one when several
// are ready already.
template <Waitable... Objects>
std::optional<std::size_t> wait_any(Deadline deadline, Objects&... objects) {
  static_assert(sizeof...(objects) > 0);
  WaitSet set;
  (set.add(objects), ...);
  return set.next(deadline);
}

}  // namespace greenrt
