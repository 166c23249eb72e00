// Queue: items from greenlets to greenlets, first in first out, with an optional bound.
//
// Getters and putters are served in the order in which they came; a put hands its item directly to the first getter. An
// item is never lost: when a getter is killed, or times out, after it was given an item, the item goes back to the
// front. A putter that is killed before there was room has put nothing.

#pragma once

#include <cstddef>
#include <deque>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

#include "greenrt/deadline.h"
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

template <typename T>
class Queue {
 public:
  static constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();

  // `bound` is the number of items held, at least 1.
  explicit Queue(std::size_t bound = kUnbounded) : bound_(bound) {
    if (bound == 0) throw std::invalid_argument("a queue holds at least one item");
  }

  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] bool full() const { return items_.size() >= bound_; }
  [[nodiscard]] std::size_t getters() const { return getters_.size(); }
  [[nodiscard]] std::size_t putters() const { return putters_.size(); }

  // Yields until there is room; throws QueueFull at the deadline.
  void put(T item, Deadline deadline = Deadline::never()) {
    if (try_put(item)) return;
    Putter putter(item);
    if (!putters_.wait(putter, "Queue room", deadline)) throw QueueFull();
  }

  // Moves from `item` only when there is room. Never yields.
  bool try_put(T& item) {
    if (!getters_.empty()) {
      static_cast<Getter&>(getters_.front()).item.emplace(std::move(item));
      getters_.wake_one();
      return true;
    }
    if (full()) return false;
    items_.push_back(std::move(item));
    return true;
  }
  bool try_put(T&& item) { return try_put(item); }

  // Yields until there is an item; throws QueueEmpty at the deadline.
  T get(Deadline deadline = Deadline::never()) {
    if (auto item = try_get()) return std::move(*item);
    Getter getter;
    try {
      if (!getters_.wait(getter, "Queue item", deadline)) throw QueueEmpty();
    } catch (...) {
      if (getter.item) take_back(std::move(*getter.item));
      throw;
    }
    return std::move(*getter.item);
  }

  // Never yields.
  std::optional<T> try_get() {
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    admit_putter();
    return item;
  }

 private:
  struct Getter : WaitList::Waiter {
    std::optional<T> item;
  };
  struct Putter : WaitList::Waiter {
    explicit Putter(T& its_item) : item(its_item) {}
    T& item;
  };

  void admit_putter() {
    if (putters_.empty() || full()) return;
    items_.push_back(std::move(static_cast<Putter&>(putters_.front()).item));
    putters_.wake_one();
  }

  void take_back(T item) {
    if (getters_.empty()) {
      items_.push_front(std::move(item));
    } else {
      try_put(item);
    }
  }

  std::size_t bound_;
  std::deque<T> items_;
  WaitList getters_;
  WaitList putters_;
};

}  // namespace greenrt
