#include "greenrt/timer.h"

#include <chrono>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"

namespace greenrt {
namespace {

// libev waits in whole milliseconds, rounded up; a century is as good as for ever and keeps its arithmetic exact.
constexpr double kLongest = 100.0 * 365 * 86400;

}  // namespace

void start_timer(struct ev_loop* loop, ev_timer& timer, Deadline deadline) {
  // In this order: a timer that is late by the time between the two is better than one that is early.
  const double after = std::chrono::duration<double>(deadline.remaining()).count();
  ev_now_update(loop);
  ev_timer_set(&timer, after < kLongest ? after : kLongest, 0.0);
  ev_timer_start(loop, &timer);
}

WakeTimer::WakeTimer(Hub& hub, Deadline deadline) : hub_(hub), greenlet_(*hub.require_running()) {
  ev_init(&timer_, &WakeTimer::on_expiry);
  timer_.data = this;
  start_timer(hub.loop(), timer_, deadline);
}

WakeTimer::~WakeTimer() {
  ev_timer_stop(hub_.loop(), &timer_);
}

void WakeTimer::on_expiry(struct ev_loop*, ev_timer* timer, int) {
  auto* self = static_cast<WakeTimer*>(timer->data);
  self->expired_ = true;
  self->hub_.schedule(self->greenlet_);
}

}  // namespace greenrt
