#include "greenrt/hub.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <system_error>

#include "greenrt/context_switch.h"
#include "greenrt/greenlet_tree.h"
#include "greenrt/simulation.h"
#include "greenrt/stack_guard.h"
#include "greenrt/timer.h"

namespace greenrt {
namespace {

constexpr int kKillRounds = 10;
constexpr std::chrono::seconds kKillPatience{1};  // a round

std::string what_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    return exception.what();
  } catch (const Unwind& unwind) {
    return unwind.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

void print_error(std::string_view context, const std::exception_ptr& error) {
  std::fprintf(stderr, "%.*s failed: %s\n", static_cast<int>(context.size()), context.data(), what_of(error).c_str());
}

}  // namespace

constinit thread_local Hub* Hub::current_hub = nullptr;

class Hub::Callback final : public Runnable {
 public:
  explicit Callback(std::function<void()> function) : Runnable(nullptr), function_(std::move(function)) {}
  void run_in_hub() override {
    const std::unique_ptr<Callback> self(this);
    function_();
  }
  void abandon() noexcept override { delete this; }

 private:
  std::function<void()> function_;
};

std::size_t HubOptions::default_stack_size() {
#if defined(__SANITIZE_ADDRESS__)
  return 1024 * 1024;  // red zones around every variable
#else
  return 256 * 1024;
#endif
}

Hub::Hub(const HubOptions& options)
    : loop_(ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV)),
      stacks_(options.stack_size, options.max_greenlets),
      max_greenlets_(stacks_.capacity()),
      switches_per_sample_(options.switches_per_sample),
      slice_(options.slice),
      simulation_(options.simulation),
      now_(Clock::now()),
      lag_(Histogram::latency()),
      error_handler_(print_error) {
  if (current_hub) {
    if (loop_) ev_loop_destroy(loop_);
    throw std::logic_error("this thread has a hub already");
  }
  if (!loop_) throw std::runtime_error("libev finds no way to wait for events");
  current_hub = this;
  kinds_.emplace_back("other");
  thread_ = context_.adopt_thread();
  StackGuard::install();
}

Hub::~Hub() {
  while (!ready_.empty()) {
    Runnable* item = ready_.pop();
    if (!item->greenlet()) {
      item->abandon();
    } else if (item->greenlet()->ready()) {
      forget(*item->greenlet());
    }
  }
  if (!all_.empty()) {
    std::fprintf(stderr, "a hub was destroyed under its greenlets:\n%s", describe_greenlets(*this).c_str());
    std::abort();
  }
  ev_loop_destroy(loop_);
  current_hub = nullptr;
}

void Hub::throw_no_hub() {
  throw std::logic_error("this thread has no hub");
}

void Hub::require_room() const {
  if (!has_room()) throw TooManyGreenlets("the hub holds " + std::to_string(max_greenlets_) + " greenlets already");
}

void Hub::throw_in_callback() {
  throw std::logic_error("a callback of the hub must not wait");
}

void Hub::admit(Greenlet& greenlet) {
  require_room();
  intrusive_ptr_add_ref(&greenlet);
  greenlet.spawner_ = running_ ? running_->number_ : 0;
  greenlet.started_at_ = now_;
  if (!greenlet.kind_) greenlet.kind_ = &kinds_.front();
  all_.push_back(greenlet);
  ++stats_.greenlets;
  ++stats_.spawned;
}

void Hub::forget(Greenlet& greenlet) {
  all_.erase(all_.iterator_to(greenlet));
  --stats_.greenlets;
  intrusive_ptr_release(&greenlet);
}

void Hub::run_callback(std::function<void()> callback) {
  schedule(*std::make_unique<Callback>(std::move(callback)).release());
}

void Hub::schedule_next(Runnable& runnable) {
  if (!runnable.queued()) runnable.since_ = now_;
  ready_.push_front(runnable);
  pinned_ = &runnable;
}

GreenletKind& Hub::kind(std::string_view name) {
  const auto found = std::ranges::find(kinds_, name, &GreenletKind::name);
  return found != kinds_.end() ? *found : kinds_.emplace_back(std::string(name));
}

// What follows, down to take_turn(), is one function when it is compiled; context_switch.h says why.

// False when the greenlet cannot run: it was killed before its first turn, or there is no memory for its stack.
[[gnu::always_inline]] inline bool Hub::make_runnable(Greenlet& greenlet) {
  return greenlet.state_ == Greenlet::State::kRunning || prepare(greenlet);
}

[[gnu::noinline]] bool Hub::prepare(Greenlet& greenlet) {
  if (greenlet.state_ == Greenlet::State::kStarted) {
    try {
      greenlet.context_.prepare(stacks_.acquire(), &Greenlet::entry);
      greenlet.state_ = Greenlet::State::kRunning;
      return true;
    } catch (const std::exception&) {
      greenlet.end_unstarted(std::current_exception());
    }
  }
  forget(greenlet);
  return false;
}

// A Monitor reads the number on its own thread.
[[gnu::always_inline]] inline void Hub::count_switch() {
  std::atomic_ref(stats_.switches).store(stats_.switches + 1, std::memory_order_relaxed);
}

// What runs next: a ready greenlet while the budget lasts, else the hub.
[[gnu::always_inline]] inline Context& Hub::next_context() {
  while (budget_ > 0 && !ready_.empty() && ready_.front()->greenlet()) {
    Greenlet& next = *ready_.pop()->greenlet();
    if (!make_runnable(next)) continue;
    --budget_;
    count_switch();
    running_ = &next;
    return next.context_;
  }
  running_ = nullptr;
  return context_;
}

void Hub::after_switch() {
  if (!ended_) return;
  Greenlet& ended = *std::exchange(ended_, nullptr);
  if (const std::size_t used = stacks_.release(ended.context_.stack())) ended.kind_->note_stack(used);
  forget(ended);
}

[[gnu::always_inline]] inline void Hub::switch_away() {
  Context& here = running_->context_;
  Context& next = next_context();
  if (&next == &here) return;
  here.switch_to(next, thread_);
  if (ended_) after_switch();
}

[[gnu::always_inline]] inline void Hub::wait_for_turn(Greenlet& self, const char* what) {
  self.waiting_for_ = what;
  switch_away();
  self.waiting_for_ = nullptr;
  self.throw_pending();
}

[[gnu::always_inline]] inline void Hub::take_turn() {
  Greenlet& self = *require_running();
  self.throw_pending();
  schedule(self);
  wait_for_turn(self, "its turn");
}

void Hub::suspend(const char* what, const WaitList* in) {
  Greenlet& self = *require_running();
  self.throw_pending();
  if (!self.queued()) self.since_ = now_;
  self.waiting_in_ = in;
  wait_for_turn(self, what);
}

void Hub::yield() {
  take_turn();
}

void yield() {
  Hub::current().take_turn();
}

void Hub::leave_for_ever() {
  ready_.remove(*running_);
  ended_ = running_;
  Context& here = running_->context_;
  here.exit_to(next_context(), thread_);
}

bool Hub::resume(Greenlet& greenlet) {
  if (!make_runnable(greenlet)) return false;
  count_switch();
  running_ = &greenlet;
  context_.switch_to(greenlet.context_, thread_);
  after_switch();
  return true;
}

void Hub::run_one(Runnable& item) {
  if (item.greenlet()) {
    resume(*item.greenlet());
    return;
  }
  try {
    item.run_in_hub();
  } catch (...) {
    handle_error("callback", std::current_exception());
  }
}

// With a budget of 0 whoever runs next switches back to here.
void Hub::run_measured() {
  if (simulation_) simulation_->before_switch(*this);
  Runnable& item = *ready_.pop();
  if (!item.greenlet()) return run_one(item);
  GreenletKind& kind = *item.greenlet()->kind_;
  const Duration was_ready = now_ - item.since();
  const auto began = now_;
  const bool ran = resume(*item.greenlet());
  now_ = Clock::now();
  if (ran) kind.note_slice(now_ - began, was_ready);
  budget_ = next_distance();
}

std::uint32_t Hub::next_distance() {
  if (switches_per_sample_ <= 1 || simulation_) return 0;
  random_ = random_ * 1664525 + 1013904223;
  return switches_per_sample_ / 2 + (random_ >> 8) % switches_per_sample_;
}

void Hub::run_ready() {
  const auto end = now_ + slice_;
  while (!ready_.empty()) {
    if (budget_ > 0) {
      --budget_;
      run_one(*ready_.pop());
    } else {
      now_ = Clock::now();
      run_measured();
      if (now_ >= end || (simulation_ && simulation_->ends_slice())) return;
    }
  }
}

void Hub::handle_error(std::string_view context, const std::exception_ptr& error) noexcept {
  ++stats_.errors;
  error_handler_(context, error);
}

void Hub::run(std::function<void()> main) {
  if (in_run_) throw std::logic_error("the hub runs already");
  in_run_ = true;
  now_ = Clock::now();
  const struct Leave {
    bool& in_run;
    ~Leave() { in_run = false; }
  } leave{in_run_};
  std::exception_ptr failure;
  auto greenlet = spawn([&] {
    try {
      main();
    } catch (const GreenletExit&) {
      throw;
    } catch (...) {
      failure = std::current_exception();
    }
  });
  greenlet->set_name("main");
  run_until_main_ends(*greenlet);
  kill_the_rest();
  if (!failure && greenlet->failed()) failure = greenlet->exception();  // it has never come to its first turn
  if (failure) std::rethrow_exception(failure);
}

// Looks for I/O and timers, and waits for them if nothing is ready. False when nothing can become ready any more.
bool Hub::poll() {
  polling_.store(true, std::memory_order_relaxed);
  const bool alive = wait_for_events();
  polling_.store(false, std::memory_order_relaxed);
  ++stats_.passes;
  now_ = Clock::now();
  return alive;
}

bool Hub::wait_for_events() {
  if (simulation_ && simulation_->advance(!ready_.empty())) {
    ev_run(loop_, EVRUN_NOWAIT);
    return true;
  }
  const bool active = ev_run(loop_, ready_.empty() ? EVRUN_ONCE : EVRUN_NOWAIT);
  return active || !ready_.empty();
}

void Hub::run_until_main_ends(Greenlet& main) {
  while (true) {
    const auto polled = now_;
    run_ready();
    if (main.ready()) return;
    lag_.observe(Clock::now() - polled);
    if (poll()) continue;
    if (!std::ranges::all_of(main.pending_, &Greenlet::Pending::delivered)) {
      std::fprintf(stderr, "nothing can wake the main greenlet, which cannot be unwound now:\n%s",
                   describe_greenlets(*this).c_str());
      std::abort();
    }
    main.throw_in(
        std::make_exception_ptr(LoopExit("nothing can wake the main greenlet:\n" + describe_greenlets(*this))));
  }
}

void Hub::kill_the_rest() {
  for (int round = 0; round < kKillRounds; ++round) {
    kill_and_wait();
    run_ready();  // the links of the last ones
    if (all_.empty()) return;
  }
  std::fprintf(stderr, "greenlets that do not end when killed:\n%s", describe_greenlets(*this).c_str());
  std::abort();
}

void Hub::kill_and_wait() {
  {
    std::vector<GreenletRef> rest;
    for (Greenlet& greenlet : all_)
      rest.emplace_back(&greenlet);
    for (const GreenletRef& greenlet : rest)
      greenlet->kill_soon();
  }
  // The alarm ends a poll, but is no reason for one.
  const Deadline patience(kKillPatience);
  Timer alarm(
      *this, [](void*) {}, nullptr);
  alarm.start(patience);
  if (!simulation_) ev_unref(loop_);
  do {
    run_ready();
  } while (!all_.empty() && !patience.expired() && poll());
  if (!simulation_) ev_ref(loop_);
}

std::size_t Hub::stack_high_water() {
  for (Greenlet& greenlet : all_) {
    if (greenlet.state_ == Greenlet::State::kRunning)
      greenlet.kind_->note_stack(stacks_.measure(greenlet.context_.stack()));
  }
  return stacks_.high_water();
}

}  // namespace greenrt
