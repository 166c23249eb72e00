// Event: a flag that greenlets wait for.

#pragma once

#include "greenrt/deadline.h"
#include "greenrt/wait_list.h"

namespace greenrt {

class Event {
 public:
  [[nodiscard]] bool is_set() const { return set_; }

  // Sets the flag and wakes everyone who waits, in order of arrival. Never yields. Idempotent.
  void set() {
    set_ = true;
    waiters_.wake_all();
  }

  void clear() { set_ = false; }

  // Yields until the flag is set: true when it was set during the wait, even if it has been cleared again since; false
  // at the deadline. Returns at once when it is set already.
  bool wait(Deadline deadline = Deadline::never()) {
    if (set_) return true;
    WaitList::Waiter waiter;
    return waiters_.wait(waiter, "Event", deadline);
  }

  // For waiting on several things at once, see wait_set.h.
  [[nodiscard]] bool ready() const { return set_; }
  [[nodiscard]] WaitList& waiters() { return waiters_; }

 private:
  bool set_ = false;
  WaitList waiters_;
};

}  // namespace greenrt
