// Queues: items from greenlets to greenlets.
//
//   Queue          first in, first out
//   LifoQueue      last in, first out
//   PriorityQueue  the smallest first; equal ones in the order in which they were put
//   Channel        holds nothing: a put waits until a getter takes its item
//   JoinableQueue  any of the first three that also counts what is not worked off yet
//
// Getters and putters are served in the order in which they came; a put hands its item directly to the first getter,
// whatever its priority. An item is never lost: when a getter is killed, or its deadline passes, after it was given an
// item, the item goes to the next getter, or back to the front (of its equals). A putter that is killed before there
// was room has put nothing.
//
// A bound limits the items held; an item that came back from a killed getter may stand above it. Closing ends a queue:
// nothing can be put any more, and getters are told once the queue is empty. A range-for takes items until then:
//
//   for (Job& job : queue) work_on(job);

#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "greenrt/deadline.h"
#include "greenrt/error.h"
#include "greenrt/wait_list.h"

namespace greenrt {

class QueueEmpty : public std::runtime_error {
 public:
  QueueEmpty() : std::runtime_error("the queue is empty") {}
};

class QueueFull : public std::runtime_error {
 public:
  QueueFull() : std::runtime_error("the queue is full") {}
};

// The items of a queue, and the order in which they leave. What is put back leaves before its equals.
template <typename Items, typename T>
concept QueueOrder = requires(Items items, const Items& constant, T item) {
  { constant.size() } -> std::same_as<std::size_t>;
  { constant.peek() } -> std::same_as<const T&>;
  { items.take() } -> std::same_as<T>;
  items.put(std::move(item));
  items.put_back(std::move(item));
};

template <typename T>
class FifoOrder {
 public:
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] const T& peek() const { return items_.front(); }
  void put(T&& item) { items_.push_back(std::move(item)); }
  void put_back(T&& item) { items_.push_front(std::move(item)); }
  T take() {
    T item = std::move(items_.front());
    items_.pop_front();
    return item;
  }

 private:
  std::deque<T> items_;
};

template <typename T>
class LifoOrder {
 public:
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] const T& peek() const { return items_.back(); }
  void put(T&& item) { items_.push_back(std::move(item)); }
  void put_back(T&& item) { items_.push_back(std::move(item)); }
  T take() {
    T item = std::move(items_.back());
    items_.pop_back();
    return item;
  }

 private:
  std::vector<T> items_;
};

template <typename T, typename Less>
class PriorityOrder {
 public:
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] const T& peek() const { return items_.front().item; }
  void put(T&& item) { push(++newest_, std::move(item)); }
  void put_back(T&& item) { push(--oldest_, std::move(item)); }
  T take() {
    std::pop_heap(items_.begin(), items_.end(), later_);
    T item = std::move(items_.back().item);
    items_.pop_back();
    return item;
  }

 private:
  struct Entry {
    std::int64_t place;  // among equals
    T item;
  };
  struct Later {
    Less less;
    bool operator()(const Entry& a, const Entry& b) const {
      if (less(b.item, a.item)) return true;
      return !less(a.item, b.item) && b.place < a.place;
    }
  };

  void push(std::int64_t place, T&& item) {
    items_.push_back({place, std::move(item)});
    std::push_heap(items_.begin(), items_.end(), later_);
  }

  std::vector<Entry> items_;
  std::int64_t newest_ = 0;
  std::int64_t oldest_ = 0;
  [[no_unique_address]] Later later_;
};

namespace detail {

// What a queue tells of each item that it takes on.
struct NoAccount {
  void item_accepted() {}
};

}  // namespace detail

// What all queues have in common. `Account` is told of each item once, when it is accepted.
template <typename T, QueueOrder<T> Items, typename Account = detail::NoAccount>
class BasicQueue {
 public:
  static constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();

  // `bound` is the number of items held, at least 1.
  explicit BasicQueue(std::size_t bound = kUnbounded) : bound_(bound) {
    if (bound == 0) throw std::invalid_argument("a queue holds at least one item");
  }

  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] bool empty() const { return items_.size() == 0; }
  [[nodiscard]] bool full() const { return items_.size() >= bound_; }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] std::size_t getters() const { return getters_.size(); }
  [[nodiscard]] std::size_t putters() const { return putters_.size(); }

  // What would be taken next; nullptr when the queue is empty. Valid until the next put or get. Never yields.
  [[nodiscard]] const T* peek() const { return empty() ? nullptr : &items_.peek(); }

  // Yields until there is room; throws QueueFull at the deadline, and Closed.
  void put(T item, Deadline deadline = Deadline::never()) {
    if (try_put(item)) return;
    Putter putter(item);
    if (!putters_.wait(putter, "Queue room", deadline)) throw QueueFull();
    if (!putter.accepted) throw_closed();
  }

  // Never yields: throws QueueFull when there is no room, and Closed.
  void put_nowait(T item) {
    if (!try_put(item)) throw QueueFull();
  }

  // Moves from `item` only when there is room. Never yields. Throws Closed.
  bool try_put(T& item) {
    if (closed_) throw_closed();
    if (getters_.empty() && full()) return false;
    hand_out(item);
    account_.item_accepted();
    return true;
  }
  bool try_put(T&& item) { return try_put(item); }

  // Yields until there is an item; throws QueueEmpty at the deadline, and Closed once the queue is closed and empty.
  T get(Deadline deadline = Deadline::never()) {
    if (!empty()) return take_held();
    Getter getter;
    wait_for_item(getter, deadline);
    if (!getter.item) throw_closed();
    return std::move(*getter.item);
  }

  // Never yields: throws QueueEmpty when there is no item, and Closed once the queue is closed and empty.
  T get_nowait() {
    auto item = try_get();
    if (item) return std::move(*item);
    if (closed_) throw_closed();
    throw QueueEmpty();
  }

  // Nothing when there is no item. Never yields.
  std::optional<T> try_get() {
    if (!empty()) return take_held();
    if (!putters_.empty()) return take_from_putter();  // only where nothing is held: from hand to hand
    return std::nullopt;
  }

  // As get(), but nothing instead of Closed.
  std::optional<T> next(Deadline deadline = Deadline::never()) {
    if (!empty()) return take_held();
    Getter getter;
    wait_for_item(getter, deadline);
    return std::move(getter.item);
  }

  // Refuses everything from now on, and wakes who waits: Closed for putters and, as the queue is empty when they wait,
  // for getters. What the queue holds can still be taken. Idempotent. Never yields.
  void close() {
    closed_ = true;
    putters_.wake_all();
    getters_.wake_all();
  }

  // For range-for: takes items until the queue is closed and empty.
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(BasicQueue& queue) : queue_(&queue), item_(queue.next()) {}
    T& operator*() const { return *item_; }
    Iterator& operator++() {
      item_ = queue_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t) { return !iterator.item_; }

   private:
    BasicQueue* queue_;
    mutable std::optional<T> item_;
  };
  Iterator begin() { return Iterator(*this); }
  std::default_sentinel_t end() { return std::default_sentinel; }

 protected:
  struct HoldsNothing {};
  explicit BasicQueue(HoldsNothing) : bound_(0) {}

  [[no_unique_address]] Account account_;

 private:
  struct Getter : WaitList::Waiter {
    std::optional<T> item;
  };
  struct Putter : WaitList::Waiter {
    explicit Putter(T& its_item) : item(its_item) {}
    T& item;
    bool accepted = false;
  };

  [[noreturn]] static void throw_closed() { throw Closed("the queue is closed"); }

  T take_held() {
    T item = items_.take();
    admit_putter();
    return item;
  }

  // Nothing is held. Leaves the getter without an item when the queue is closed.
  void wait_for_item(Getter& getter, Deadline deadline) {
    if (!putters_.empty()) {
      getter.item.emplace(take_from_putter());
      return;
    }
    if (closed_) return;
    try {
      if (!getters_.wait(getter, "Queue item", deadline)) throw QueueEmpty();
    } catch (...) {
      if (getter.item) take_back(std::move(*getter.item));
      throw;
    }
    // Woken with nothing: closed. Another getter may have been killed, and its item come back, since then.
    if (!getter.item) getter.item = try_get();
  }

  void hand_out(T& item) {
    if (getters_.empty()) {
      items_.put(std::move(item));
    } else {
      static_cast<Getter&>(getters_.front()).item.emplace(std::move(item));
      getters_.wake_one();
    }
  }

  void admit_putter() {
    if (!putters_.empty() && !full()) items_.put(take_from_putter());
  }

  T take_from_putter() {
    auto& putter = static_cast<Putter&>(putters_.front());
    T item = std::move(putter.item);
    putter.accepted = true;
    putters_.wake_one();
    account_.item_accepted();
    return item;
  }

  void take_back(T item) {
    if (getters_.empty()) {
      items_.put_back(std::move(item));
    } else {
      hand_out(item);
    }
  }

  std::size_t bound_;
  bool closed_ = false;
  Items items_;
  WaitList getters_;
  WaitList putters_;
};

template <typename T>
using Queue = BasicQueue<T, FifoOrder<T>>;

template <typename T>
using LifoQueue = BasicQueue<T, LifoOrder<T>>;

template <typename T, typename Less = std::less<T>>
using PriorityQueue = BasicQueue<T, PriorityOrder<T, Less>>;

// put() returns when a getter has been given the item, try_put() gives it to a getter that waits already. Only when
// that getter is killed before it could run, and no other waits, does the channel hold the item, for the next get().
template <typename T>
class Channel : public BasicQueue<T, FifoOrder<T>> {
 public:
  Channel() : BasicQueue<T, FifoOrder<T>>(typename Channel::HoldsNothing{}) {}
};

namespace detail {

class UnfinishedTasks {
 public:
  void item_accepted() { ++count_; }
  void task_done() {
    if (count_ == 0) throw std::logic_error("task_done() was called more often than items were put");
    if (--count_ == 0) none_.wake_all();
  }
  bool wait_for_none(Deadline deadline) {
    if (count_ == 0) return true;
    WaitList::Waiter waiter;
    return none_.wait(waiter, "JoinableQueue", deadline);
  }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::size_t count_ = 0;
  WaitList none_;
};

}  // namespace detail

// A queue that knows when all that was put has been worked off: whoever gets an item calls task_done() when it is done
// with it. An item that waits for room counts from when it is accepted.
template <typename T, typename Items = FifoOrder<T>>
class JoinableQueue : public BasicQueue<T, Items, detail::UnfinishedTasks> {
 public:
  using BasicQueue<T, Items, detail::UnfinishedTasks>::BasicQueue;

  [[nodiscard]] std::size_t unfinished() const { return this->account_.count(); }

  // Throws std::logic_error when called more often than items were put. Never yields.
  void task_done() { this->account_.task_done(); }

  // Yields until there has been nothing unfinished (true), or until the deadline (false).
  bool join(Deadline deadline = Deadline::never()) { return this->account_.wait_for_none(deadline); }
};

}  // namespace greenrt
