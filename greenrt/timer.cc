#include "greenrt/timer.h"

#include <algorithm>
#include <chrono>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/simulation.h"

namespace greenrt {
namespace {

// libev waits in whole milliseconds, rounded up; a century is as good as for ever and keeps its arithmetic exact.
constexpr double kLongest = 100.0 * 365 * 86400;

}  // namespace

Timer::Timer(Hub& hub, Callback callback, void* owner) : hub_(hub), callback_(callback), owner_(owner) {
  ev_init(&timer_, &Timer::on_expiry);
  timer_.data = this;
}

void Timer::start(Deadline deadline) {
  stop();
  if (deadline.is_never()) return;
  if (Simulation* simulation = hub_.simulation()) return simulation->start(*this, deadline);
  // In this order: a timer that is late by the time between the two is better than one that is early.
  const double after = std::chrono::duration<double>(deadline.remaining()).count();
  ev_now_update(hub_.loop());
  ev_timer_set(&timer_, std::min(after, kLongest), 0.0);
  ev_timer_start(hub_.loop(), &timer_);
}

void Timer::stop() {
  if (simulated_) [[unlikely]]
    hub_.simulation()->stop(*this);
  ev_timer_stop(hub_.loop(), &timer_);
}

void Timer::on_expiry(struct ev_loop*, ev_timer* timer, int) {
  auto* self = static_cast<Timer*>(timer->data);
  self->callback_(self->owner_);
}

WakeTimer::WakeTimer(Hub& hub, Deadline deadline)
    : hub_(hub), greenlet_(*hub.require_running()), timer_(hub, &WakeTimer::on_expiry, this) {
  timer_.start(deadline);
}

void WakeTimer::on_expiry(void* owner) {
  auto* self = static_cast<WakeTimer*>(owner);
  self->expired_ = true;
  self->hub_.schedule(self->greenlet_);
}

}  // namespace greenrt
