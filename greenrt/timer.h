// Timer: calls back once, on the hub's own stack, at a deadline. The only place that knows libev's timers.
// WakeTimer: makes the running greenlet ready at a deadline. The timer under every wait with a limit.
//
// For builders of primitives. Armed with a fresh look at the clock (libev's own notion of now stands still during
// callbacks), so that a timer goes off late by a poll, and never early. One thread only.

#pragma once

#include <ev.h>

#include "greenrt/deadline.h"

namespace greenrt {

class Hub;
class Greenlet;

class Timer {
 public:
  // Must neither wait nor throw.
  using Callback = void (*)(void* owner);

  Timer(Hub& hub, Callback callback, void* owner);
  ~Timer() { stop(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Whether it runs or not. A deadline of never only stops it.
  void start(Deadline deadline);
  void stop();

  // Started, and not gone off.
  [[nodiscard]] bool active() const { return simulated_ || ev_is_active(&timer_); }

 private:
  friend class Simulation;
  static void on_expiry(struct ev_loop* loop, ev_timer* timer, int events);

  ev_timer timer_;
  Hub& hub_;
  Callback callback_;
  void* owner_;
  bool simulated_ = false;
};

class WakeTimer {
 public:
  // Its destructor must run in the same greenlet's frame.
  WakeTimer(Hub& hub, Deadline deadline);

  [[nodiscard]] bool expired() const { return expired_; }

 private:
  static void on_expiry(void* self);

  Hub& hub_;
  Greenlet& greenlet_;
  bool expired_ = false;
  Timer timer_;
};

}  // namespace greenrt
