#include "greenrt/wait_list.h"

#include <cassert>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/timer.h"

namespace greenrt {

WaitList::~WaitList() {
  assert(waiters_.empty());
}

bool WaitList::wait(Waiter& waiter, const char* what, Deadline deadline) {
  Hub& hub = Hub::current();
  waiter.greenlet_ = hub.running();
  waiter.observed_ = false;
  waiter.woken_ = false;
  waiters_.push_back(waiter);

  const struct Leave {
    ~Leave() {
      if (waiter.is_linked()) list.waiters_.erase(list.waiters_.iterator_to(waiter));
    }
    WaitList& list;
    Waiter& waiter;
  } leave{*this, waiter};

  if (!deadline.is_never()) return wait_until(waiter, what, deadline);
  while (!waiter.woken_)
    hub.suspend(what, this);
  return true;
}

[[gnu::noinline]] bool WaitList::wait_until(Waiter& waiter, const char* what, Deadline deadline) {
  Hub& hub = Hub::current();
  const WakeTimer timer(hub, deadline);
  while (!waiter.woken_) {
    if (timer.expired()) return false;
    hub.suspend(what, this);
  }
  return true;
}

void WaitList::add(Waiter& waiter, Observer& observer) {
  waiter.observer_ = &observer;
  waiter.observed_ = true;
  waiter.woken_ = false;
  waiters_.push_back(waiter);
}

void WaitList::remove(Waiter& waiter) {
  if (waiter.is_linked()) waiters_.erase(waiters_.iterator_to(waiter));
}

bool WaitList::wake_one() {
  if (waiters_.empty()) return false;
  Waiter& waiter = waiters_.front();
  waiters_.pop_front();
  waiter.woken_ = true;
  if (waiter.observed_) [[unlikely]]
    return tell_observer(waiter);
  Hub::current().schedule(*waiter.greenlet_);
  return true;
}

// Apart, so that waking a greenlet stays as short as it is.
[[gnu::noinline]] bool WaitList::tell_observer(Waiter& waiter) {
  waiter.observer_->woken(waiter);
  return true;
}

std::size_t WaitList::wake_all() {
  std::size_t woken = 0;
  while (wake_one())
    ++woken;
  return woken;
}

}  // namespace greenrt
