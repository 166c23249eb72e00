// DeadlineScope: a deadline for all that a greenlet does in a scope, however deep the calls.
//
//   DeadlineScope scope(2s);
//   try {
//     ...calls that know nothing of it...
//   } catch (const TimeoutExpired& expired) {
//     if (!scope.threw(expired)) throw;   // somebody else's
//   }
//
// Where a Timeout throws once, this lasts: once the deadline has passed, every wait in the scope throws TimeoutExpired,
// also in a callee that has caught one and tries again (see Greenlet, on kills that last). Handlers and destructors may
// wait for clean-up. Scopes nest, and an inner one never lasts longer than an outer one.
//
// A callee asks for current_deadline() when it has to tell others, as a server that is asked for something. Greenlets
// that are spawned in a scope have none: what is to hold for them is passed to them.

#pragma once

#include <cstdint>

#include "greenrt/deadline.h"
#include "greenrt/error.h"
#include "greenrt/timer.h"

namespace greenrt {

class DeadlineScope {
 public:
  // Throws std::logic_error on the hub.
  explicit DeadlineScope(Deadline deadline);
  ~DeadlineScope();
  DeadlineScope(const DeadlineScope&) = delete;
  DeadlineScope& operator=(const DeadlineScope&) = delete;

  [[nodiscard]] bool threw(const TimeoutExpired& expired) const { return expired.timeout_id() == id_; }

 private:
  static void on_expiry(void* self);

  Greenlet& greenlet_;
  Deadline outer_;
  std::uint64_t id_;
  Timer timer_;
};

// That of the innermost scope of the running greenlet; never without one, or on the hub.
Deadline current_deadline();

}  // namespace greenrt
