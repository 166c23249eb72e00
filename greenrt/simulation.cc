#include "greenrt/simulation.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "greenrt/hub.h"
#include "greenrt/timer.h"

namespace greenrt {

using namespace std::chrono_literals;

Simulation::Simulation(const SimulationOptions& options)
    : options_(options), random_(options.seed), now_(std::chrono::steady_clock::now()) {
  if (Clock::simulated_now) throw std::logic_error("this thread has a simulation already");
  Clock::simulated_now = &now_;
}

Simulation::~Simulation() {
  Clock::simulated_now = nullptr;
}

void Simulation::expose(const Greenlet& greenlet) {
  exposed_.insert(greenlet.number());
}

void Simulation::before_switch(Hub& hub) {
  if (hub.pinned_ != hub.ready_.front()) shuffle(hub);
  hub.pinned_ = nullptr;
  Greenlet* next = hub.ready_.front()->greenlet();
  if (next && !next->ready() && exposed_.contains(next->number())) strike(*next);
}

bool Simulation::ends_slice() {
  return random_() % 4 == 0;
}

void Simulation::shuffle(Hub& hub) {
  std::vector<Runnable*> candidates;
  bool in_order = false;  // the first of those that keep their order is among the candidates
  for (Runnable* item = hub.ready_.front(); item; item = ReadyQueue::next(*item)) {
    const bool resumed = item->greenlet() && item->greenlet()->state_ == Greenlet::State::kRunning;
    if (resumed || !in_order) candidates.push_back(item);
    in_order = in_order || !resumed;
  }
  hub.ready_.push_front(*candidates[random_() % candidates.size()]);
}

void Simulation::strike(Greenlet& greenlet) {
  ++turns_;
  if (turns_ == options_.kill_at) greenlet.kill_soon();
  if (turns_ == options_.timeout_at && greenlet.state_ == Greenlet::State::kRunning)
    greenlet.throw_in(std::make_exception_ptr(TimeoutExpired()));
}

bool Simulation::advance(bool something_is_ready) {
  now_ += 1us;
  if (timers_.empty()) return false;
  const auto next = std::ranges::min_element(timers_, {}, &Armed::at)->at;
  if (next > now_ && something_is_ready) return false;
  now_ = std::max(now_, next);
  std::vector<Timer*> due;
  for (const Armed& each : timers_)
    if (each.at <= now_) due.push_back(each.timer);
  std::ranges::shuffle(due, random_);
  for (Timer* timer : due) {
    // One that went off before may have stopped it.
    if (std::ranges::find(timers_, timer, &Armed::timer) == timers_.end()) continue;
    stop(*timer);
    timer->callback_(timer->owner_);
  }
  return true;
}

void Simulation::start(Timer& timer, Deadline deadline) {
  timers_.push_back({deadline.time(), &timer});
  timer.simulated_ = true;
}

void Simulation::stop(Timer& timer) {
  std::erase_if(timers_, [&timer](const Armed& each) { return each.timer == &timer; });
  timer.simulated_ = false;
}

}  // namespace greenrt
