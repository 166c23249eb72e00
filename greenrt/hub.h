// Hub: the scheduler of one thread. Owns the event loop, the ready queue, the stacks, and every started greenlet.
//
// A pass: run what is ready, in the order in which it became ready, up to a budget of switches and time; then poll for
// I/O and timers, without blocking if something is still ready. A greenlet that waits switches directly to the next
// ready greenlet; the hub's own stack runs only callbacks, the poll, and whatever ends a budget.
//
// Threads: one hub a thread, made, run and destroyed there. Fork only before a hub exists.

#pragma once

#include <boost/intrusive/list.hpp>
#include <ev.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "greenrt/context.h"
#include "greenrt/greenlet.h"
#include "greenrt/greenlet_kind.h"
#include "greenrt/histogram.h"
#include "greenrt/runnable.h"
#include "greenrt/stack_pool.h"

namespace greenrt {

class Simulation;

struct HubOptions {
  std::size_t stack_size = default_stack_size();  // bytes of address space; only touched pages cost memory
  std::size_t max_greenlets = 0;                  // 0: as many as vm.max_map_count allows
  Duration slice = std::chrono::milliseconds(5);  // what is ready may run this long before the next poll
  // From one look at the clock to the next, on average: the distance varies, so as not to keep step with what the
  // program does. The slice that follows a look is measured, for the greenlet's kind. 1 measures every slice.
  std::uint32_t switches_per_sample = 64;
  Simulation* simulation = nullptr;  // for tests: takes over time and order; must outlive the hub

  static std::size_t default_stack_size();
};

struct HubStats {
  std::uint64_t switches = 0;         // greenlets resumed
  std::uint64_t passes = 0;           // polls of the loop
  std::uint64_t spawned = 0;          // greenlets started
  std::uint64_t errors = 0;           // exceptions that reached the error handler
  std::uint64_t kills_deferred = 0;   // exceptions that had to wait for the end of an unwinding, or of a Shield
  std::uint64_t kills_swallowed = 0;  // exceptions that are not to be caught, were, and had to be thrown again
  std::size_t greenlets = 0;          // started and not ended
};

class Hub {
 public:
  // `context` says where the exception came from: a greenlet's name, "callback", "link". Must not throw.
  using ErrorHandler = std::function<void(std::string_view context, const std::exception_ptr& error)>;

  explicit Hub(const HubOptions& options = {});
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // Runs `main` as the main greenlet until it ends, then kills every greenlet that is left and waits for their ends;
  // those that have not ended after a second are killed again, and after ten seconds the process is aborted with a list
  // of them. Rethrows what main threw. When nothing can wake main any more, LoopExit is thrown into it at its wait.
  void run(std::function<void()> main);

  // The hub that is running on this thread. Throws std::logic_error when there is none.
  static Hub& current() {
    if (!current_hub) [[unlikely]]
      throw_no_hub();
    return *current_hub;
  }
  static Hub* current_or_null() { return current_hub; }

  // The running greenlet; nullptr on the hub's own stack.
  [[nodiscard]] Greenlet* running() const { return running_; }

  [[nodiscard]] struct ev_loop* loop() const { return loop_; }

  // Runs `callback` on the hub in this pass, after what is ready now. It must not wait. Throws std::bad_alloc only.
  void run_callback(std::function<void()> callback);

  // Appends to the ready queue. For builders of primitives.
  void schedule(Runnable& runnable) {
    if (ready_.push(runnable)) runnable.since_ = now_;
  }

  // Puts it first in the ready queue.
  void schedule_next(Runnable& runnable);

  // Yields the running greenlet until somebody schedules it, and then throws what was thrown into it meanwhile. For
  // builders of primitives: wake-ups without a reason are legal, so wait on a predicate. `what` is static text, and
  // `in` the list where it stands, for reports.
  void suspend(const char* what, const WaitList* in = nullptr);

  // Yields until every greenlet that is ready now has had its turn. greenrt::yield() does it with one call less.
  void yield();

  // The running greenlet; throws std::logic_error on the hub's own stack, where nobody may wait.
  [[nodiscard]] Greenlet* require_running() const {
    if (!running_) [[unlikely]]
      throw_in_callback();
    return running_;
  }

  // True when one more greenlet may be started. The check belongs before whatever the greenlet would own.
  [[nodiscard]] bool has_room() const { return stats_.greenlets < max_greenlets_; }
  // Throws TooManyGreenlets otherwise.
  void require_room() const;
  [[nodiscard]] std::size_t max_greenlets() const { return max_greenlets_; }

  void set_error_handler(ErrorHandler handler) { error_handler_ = std::move(handler); }
  void handle_error(std::string_view context, const std::exception_ptr& error) noexcept;

  [[nodiscard]] const HubStats& stats() const { return stats_; }
  [[nodiscard]] StackPool& stacks() { return stacks_; }

  // The kind of this name, made if it is new. For purposes, not for instances: kinds are kept as long as the hub.
  [[nodiscard]] GreenletKind& kind(std::string_view name);
  [[nodiscard]] const std::deque<GreenletKind>& kinds() const { return kinds_; }

  // How long an I/O event may have waited for its turn: the time from the end of one poll to the start of the next.
  [[nodiscard]] const Histogram& lag() const { return lag_; }

  // The deepest use of any stack, those in use included; brings the kinds up to date, too. Looks at every stack in use:
  // for scrapes, not for hot paths.
  [[nodiscard]] std::size_t stack_high_water();

  // nullptr but in tests.
  [[nodiscard]] Simulation* simulation() const { return simulation_; }

 private:
  friend class Greenlet;
  friend class Monitor;
  friend class Simulation;
  friend std::vector<struct GreenletInfo> list_greenlets(Hub& hub);
  friend void yield();
  class Callback;
  using AllGreenlets = boost::intrusive::list<
      Greenlet, boost::intrusive::member_hook<Greenlet, boost::intrusive::list_member_hook<>, &Greenlet::all_hook>,
      boost::intrusive::constant_time_size<false>>;

  [[noreturn]] static void throw_no_hub();
  [[noreturn]] static void throw_in_callback();
  void admit(Greenlet& greenlet);
  void forget(Greenlet& greenlet);
  Context& next_context();
  bool make_runnable(Greenlet& greenlet);
  void count_switch();
  bool prepare(Greenlet& greenlet);
  void take_turn();
  void wait_for_turn(Greenlet& self, const char* what);
  void switch_away();
  [[noreturn]] void leave_for_ever();
  void after_switch();
  void run_ready();
  void run_one(Runnable& item);
  void run_measured();
  bool resume(Greenlet& greenlet);
  [[nodiscard]] std::uint32_t next_distance();
  bool poll();
  bool wait_for_events();
  void run_until_main_ends(Greenlet& main);
  void kill_the_rest();
  void kill_and_wait();

  static constinit thread_local Hub* current_hub;

  struct ev_loop* loop_;
  StackPool stacks_;
  std::size_t max_greenlets_;
  std::uint32_t switches_per_sample_;
  Duration slice_;
  Simulation* simulation_;
  ReadyQueue ready_;
  Context context_;
  Context::Thread thread_;
  Greenlet* running_ = nullptr;
  bool in_run_ = false;
  Greenlet* ended_ = nullptr;         // its stack is free once the switch away from it is complete
  std::uint32_t budget_ = 0;          // switches until the next look at the clock
  std::uint32_t random_ = 1;          // for the distances between them
  Clock::time_point now_;             // at the last look
  const Runnable* pinned_ = nullptr;  // came by schedule_next()
  std::atomic<bool> polling_ = false;
  AllGreenlets all_;
  std::deque<GreenletKind> kinds_;
  HubStats stats_;
  Histogram lag_;
  ErrorHandler error_handler_;
};

}  // namespace greenrt
