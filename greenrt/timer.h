// WakeTimer: makes the running greenlet ready at a deadline. The timer under every wait with a limit.
//
// For builders of primitives. Armed by its constructor with a fresh look at the clock (libev's own notion of now stands
// still during callbacks), disarmed by its destructor, which must run in the same greenlet's frame.

#pragma once

#include <ev.h>

#include "greenrt/deadline.h"

namespace greenrt {

class Hub;
class Greenlet;

class WakeTimer {
 public:
  WakeTimer(Hub& hub, Deadline deadline);
  ~WakeTimer();
  WakeTimer(const WakeTimer&) = delete;
  WakeTimer& operator=(const WakeTimer&) = delete;

  [[nodiscard]] bool expired() const { return expired_; }

 private:
  static void on_expiry(struct ev_loop* loop, ev_timer* timer, int events);

  ev_timer timer_;
  Hub& hub_;
  Greenlet& greenlet_;
  bool expired_ = false;
};

// Starts `timer`, whose callback is set, so that it goes off at `deadline`.
void start_timer(struct ev_loop* loop, ev_timer& timer, Deadline deadline);

}  // namespace greenrt
