// Runnable: something the hub can run next, and ReadyQueue: the FIFO of them.
//
// Intrusive: queueing allocates nothing and cannot fail. A runnable stands in the queue at most once.

#pragma once

#include <cstddef>

#include "greenrt/deadline.h"

namespace greenrt {

class Greenlet;

class Runnable {
 public:
  Runnable(const Runnable&) = delete;
  Runnable& operator=(const Runnable&) = delete;

  // The greenlet that this is, or nullptr for a callback.
  [[nodiscard]] Greenlet* greenlet() const { return greenlet_; }
  [[nodiscard]] bool queued() const { return queued_; }

  // When it became ready, or began to wait. From the hub's last look at the clock: no later than that, and earlier by
  // less than a sample's distance (HubOptions).
  [[nodiscard]] Clock::time_point since() const { return since_; }

  // For callbacks: runs on the hub's stack. Must not wait; what it throws goes to the hub's error handler.
  virtual void run_in_hub() {}

  // For callbacks: called instead of run_in_hub() when the hub is destroyed first.
  virtual void abandon() noexcept {}

 protected:
  explicit Runnable(Greenlet* greenlet) : greenlet_(greenlet) {}
  virtual ~Runnable() = default;

 private:
  friend class Hub;
  friend class ReadyQueue;
  Greenlet* greenlet_;
  Runnable* next_ = nullptr;
  Clock::time_point since_;
  bool queued_ = false;
};

class ReadyQueue {
 public:
  [[nodiscard]] bool empty() const { return head_ == nullptr; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] Runnable* front() const { return head_; }

  // The one behind `item`, which stands in the queue; nullptr behind the last.
  [[nodiscard]] static Runnable* next(const Runnable& item) { return item.next_; }

  // Appends, unless it stands in the queue already: then false.
  bool push(Runnable& item) {
    if (item.queued_) return false;
    item.queued_ = true;
    item.next_ = nullptr;
    (tail_ ? tail_->next_ : head_) = &item;
    tail_ = &item;
    ++size_;
    return true;
  }

  // Puts it first, wherever it stands now.
  void push_front(Runnable& item) {
    remove(item);
    item.queued_ = true;
    item.next_ = head_;
    head_ = &item;
    if (!tail_) tail_ = &item;
    ++size_;
  }

  Runnable* pop() {
    Runnable* item = head_;
    head_ = item->next_;
    if (!head_) tail_ = nullptr;
    item->queued_ = false;
    --size_;
    return item;
  }

  // Takes `item` out, wherever it stands. Walks the queue: for the rare case.
  void remove(Runnable& item) {
    if (!item.queued_) return;
    Runnable* before = nullptr;
    for (Runnable* each = head_; each != &item; each = each->next_)
      before = each;
    (before ? before->next_ : head_) = item.next_;
    if (tail_ == &item) tail_ = before;
    item.queued_ = false;
    --size_;
  }

 private:
  Runnable* head_ = nullptr;
  Runnable* tail_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace greenrt
