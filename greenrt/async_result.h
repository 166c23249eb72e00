// AsyncResult: a value or an exception that is set once and that greenlets wait for.

#pragma once

#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include "greenrt/deadline.h"
#include "greenrt/error.h"
#include "greenrt/wait_list.h"

namespace greenrt {

template <typename T>
class AsyncResult {
 public:
  [[nodiscard]] bool ready() const { return value_.has_value() || exception_; }
  [[nodiscard]] bool successful() const { return value_.has_value(); }
  [[nodiscard]] const std::exception_ptr& exception() const { return exception_; }

  // Sets the result and wakes everyone who waits. Throws std::logic_error when there is one already. Never yields.
  void set(T value) {
    require_empty();
    value_.emplace(std::move(value));
    waiters_.wake_all();
  }
  void set_exception(std::exception_ptr exception) {
    require_empty();
    if (!exception) throw std::invalid_argument("an AsyncResult needs an exception to throw");
    exception_ = std::move(exception);
    waiters_.wake_all();
  }

  // Yields until there is a result: the value, or throws the exception. TimeoutExpired at the deadline.
  T& get(Deadline deadline = Deadline::never()) {
    if (!wait(deadline)) throw TimeoutExpired();
    if (exception_) std::rethrow_exception(exception_);
    return *value_;
  }

  // Yields until there is a result of either kind (true) or until the deadline (false).
  bool wait(Deadline deadline = Deadline::never()) {
    if (ready()) return true;
    WaitList::Waiter waiter;
    return waiters_.wait(waiter, "AsyncResult", deadline);
  }

  // The result, or nullptr as long as there is no value. Never yields.
  [[nodiscard]] const T* value() const { return value_ ? &*value_ : nullptr; }

  // For waiting on several things at once, see wait_set.h.
  [[nodiscard]] WaitList& waiters() { return waiters_; }

 private:
  void require_empty() const {
    if (ready()) throw std::logic_error("an AsyncResult is set once");
  }

  std::optional<T> value_;
  std::exception_ptr exception_;
  WaitList waiters_;
};

}  // namespace greenrt
