// Timeout: throws TimeoutExpired into the greenlet that made it, when that is still at work after a while.
//
//   Timeout timeout(2s);
//   try {
//     ...several waits...
//   } catch (const TimeoutExpired& expired) {
//     if (!timeout.threw(expired)) throw;   // somebody else's
//   }
//
// Timeouts nest; each is told apart by identity, never by kind. The exception is thrown at a wait, once. Leaving the
// scope disarms it; one that went off at that very moment, and was not yet delivered, is taken back. Belongs to one
// greenlet.

#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "greenrt/deadline.h"
#include "greenrt/error.h"
#include "greenrt/timer.h"

namespace greenrt {

// Identities for what throws TimeoutExpired: never the same twice on one thread, never 0.
std::uint64_t next_timeout_id();

class Timeout {
 public:
  // Armed at once; a deadline of never arms nothing. `exception` is thrown instead of TimeoutExpired when given.
  explicit Timeout(Deadline deadline, std::exception_ptr exception = nullptr);
  ~Timeout();
  Timeout(const Timeout&) = delete;
  Timeout& operator=(const Timeout&) = delete;

  // Arms again, with another deadline, whether it has gone off or not.
  void restart(Deadline deadline);

  // Disarms. Idempotent.
  void cancel();

  // Armed and not gone off.
  [[nodiscard]] bool pending() const { return timer_.active(); }
  [[nodiscard]] bool threw(const TimeoutExpired& expired) const { return expired.timeout_id() == id_; }

 private:
  static void on_expiry(void* self);

  Greenlet& greenlet_;
  std::uint64_t id_;
  std::exception_ptr exception_;
  Timer timer_;
};

// Calls body() with at most until `deadline`, and returns what it returns; `fallback` if, and only if, this deadline
// ended it.
template <typename Body, typename Value>
auto with_timeout(Deadline deadline, Body&& body, Value&& fallback) -> decltype(body()) {
  Timeout timeout(deadline);
  try {
    return body();
  } catch (const TimeoutExpired& expired) {
    if (!timeout.threw(expired)) throw;
    return std::forward<Value>(fallback);
  }
}

// Without a fallback: what body() returns, or nothing if, and only if, this deadline ended it. Of a body that returns
// nothing: whether it came to its end.
template <typename Body>
auto with_timeout(Deadline deadline, Body&& body) {
  using Result = std::decay_t<decltype(body())>;
  if constexpr (std::is_void_v<Result>) {
    return with_timeout(
        deadline,
        [&body] {
          body();
          return true;
        },
        false);
  } else {
    return with_timeout(
        deadline, [&body] { return std::optional<Result>(body()); }, std::nullopt);
  }
}

}  // namespace greenrt
