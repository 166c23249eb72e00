#include "greenrt/hub.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <system_error>

#include "greenrt/context_switch.h"
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
      switches_per_check_(std::max<std::uint32_t>(options.switches_per_check, 1)),
      slice_(options.slice),
      lag_(Histogram::latency()),
      error_handler_(print_error) {
  if (current_hub) {
    if (loop_) ev_loop_destroy(loop_);
    throw std::logic_error("this thread has a hub already");
  }
  if (!loop_) throw std::runtime_error("libev finds no way to wait for events");
  current_hub = this;
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
    std::fprintf(stderr, "a hub was destroyed under its greenlets:\n%s", describe_greenlets().c_str());
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
  ready_.push(*std::make_unique<Callback>(std::move(callback)).release());
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

// What runs next: a ready greenlet while the budget lasts, else the hub.
[[gnu::always_inline]] inline Context& Hub::next_context() {
  while (budget_ > 0 && !ready_.empty() && ready_.front()->greenlet()) {
    Greenlet& next = *ready_.pop()->greenlet();
    if (!make_runnable(next)) continue;
    --budget_;
    ++stats_.switches;
    running_ = &next;
    return next.context_;
  }
  running_ = nullptr;
  return context_;
}

void Hub::after_switch() {
  if (!ended_) return;
  Greenlet& ended = *std::exchange(ended_, nullptr);
  stacks_.release(ended.context_.stack());
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

void Hub::suspend(const char* what) {
  Greenlet& self = *require_running();
  self.throw_pending();
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

void Hub::resume(Greenlet& greenlet) {
  if (!make_runnable(greenlet)) return;
  if (budget_ > 0) --budget_;
  ++stats_.switches;
  running_ = &greenlet;
  context_.switch_to(greenlet.context_, thread_);
  after_switch();
}

void Hub::run_ready() {
  const auto end = Clock::now() + slice_;
  budget_ = switches_per_check_;
  while (!ready_.empty()) {
    Runnable* item = ready_.pop();
    if (item->greenlet()) {
      resume(*item->greenlet());
    } else {
      try {
        item->run_in_hub();
      } catch (...) {
        handle_error("callback", std::current_exception());
      }
      if (budget_ > 0) --budget_;
    }
    if (budget_ == 0) {
      if (Clock::now() >= end) return;
      budget_ = switches_per_check_;
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
  const bool active = ev_run(loop_, ready_.empty() ? EVRUN_ONCE : EVRUN_NOWAIT);
  ++stats_.passes;
  return active || !ready_.empty();
}

void Hub::run_until_main_ends(Greenlet& main) {
  auto polled = Clock::now();
  while (true) {
    run_ready();
    if (main.ready()) return;
    lag_.observe(Clock::now() - polled);
    const bool alive = poll();
    polled = Clock::now();
    if (alive) continue;
    if (!main.pending_.empty()) {
      std::fprintf(stderr, "nothing can wake the main greenlet, which cannot be unwound now:\n%s",
                   describe_greenlets().c_str());
      std::abort();
    }
    main.throw_in(std::make_exception_ptr(LoopExit("nothing can wake the main greenlet:\n" + describe_greenlets())));
  }
}

void Hub::kill_the_rest() {
  for (int round = 0; round < kKillRounds; ++round) {
    kill_and_wait();
    run_ready();  // the links of the last ones
    if (all_.empty()) return;
  }
  std::fprintf(stderr, "greenlets that do not end when killed:\n%s", describe_greenlets().c_str());
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
  ev_timer alarm;
  ev_init(&alarm, [](struct ev_loop*, ev_timer*, int) {});
  start_timer(loop_, alarm, patience);
  ev_unref(loop_);
  do {
    run_ready();
  } while (!all_.empty() && !patience.expired() && poll());
  ev_ref(loop_);
  ev_timer_stop(loop_, &alarm);
}

std::size_t Hub::stack_high_water() {
  for (Greenlet& greenlet : all_) {
    if (greenlet.state_ == Greenlet::State::kRunning) stacks_.measure(greenlet.context_.stack());
  }
  return stacks_.high_water();
}

std::string Hub::describe_greenlets(std::size_t limit) {
  std::string text;
  std::size_t listed = 0;
  for (Greenlet& greenlet : all_) {
    if (listed++ == limit) {
      text += "  and " + std::to_string(stats_.greenlets - limit) + " more\n";
      break;
    }
    const char* reason = greenlet.waiting_for();
    text += "  " + greenlet.name() + (reason ? std::string(" waits for ") + reason : " does not wait") + "\n";
  }
  return text;
}

}  // namespace greenrt
