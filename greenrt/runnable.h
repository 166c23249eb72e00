// Runnable: something the hub can run next, and ReadyQueue: the FIFO of them.
//
// Intrusive: queueing allocates nothing and cannot fail. A runnable stands in the queue at most once.

#pragma once

#include <cstddef>

namespace greenrt {

class Greenlet;

class Runnable {
 public:
  Runnable(const Runnable&) = delete;
  Runnable& operator=(const Runnable&) = delete;

  // The greenlet that this is, or nullptr for a callback.
  [[nodiscard]] Greenlet* greenlet() const { return greenlet_; }
  [[nodiscard]] bool queued() const { return queued_; }

  // For callbacks: runs on the hub's stack. Must not wait; what it throws goes to the hub's error handler.
  virtual void run_in_hub() {}

  // For callbacks: called instead of run_in_hub() when the hub is destroyed first.
  virtual void abandon() noexcept {}

 protected:
  explicit Runnable(Greenlet* greenlet) : greenlet_(greenlet) {}
  virtual ~Runnable() = default;

 private:
  friend class ReadyQueue;
  Greenlet* greenlet_;
  Runnable* next_ = nullptr;
  bool queued_ = false;
};

class ReadyQueue {
 public:
  [[nodiscard]] bool empty() const { return head_ == nullptr; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] Runnable* front() const { return head_; }

  // Appends, unless it stands in the queue already.
  void push(Runnable& item) {
    if (item.queued_) return;
    item.queued_ = true;
    item.next_ = nullptr;
    (tail_ ? tail_->next_ : head_) = &item;
    tail_ = &item;
    ++size_;
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
