// Greenlet: a cooperative thread on its own stack, with the life cycle and the words of gevent's Greenlet.
//
//   auto worker = greenrt::spawn([] { return fetch(); });
//   worker->join(5s);
//   if (worker->successful()) use(worker->value());
//
// States: a greenlet is created, then started once (it runs no earlier than the starter's next switch), and ends by
// returning (successful), by an exception other than GreenletExit (failed), or by a kill (successful: the exception is
// the result, as in gevent). A failure is reported once to the hub's error handler, and stored for get().
//
// Kill throws an exception into the greenlet at its next switch point. While the greenlet unwinds another exception, or
// holds a Shield, the exception is deferred to the first switch point after that, so that clean-up may wait. A greenlet
// killed before it ran never runs, and its links still fire.
//
// A kill lasts. A handler may catch GreenletExit to clean up, wait in there, and throw it on; when the greenlet goes on
// as if nothing had been, the next wait throws it again (after one turn of everybody else, so that even a loop that
// swallows everything holds up nobody), and HubStats::kills_swallowed counts it. Other exceptions than GreenletExit are
// thrown once.
//
// Ownership: GreenletRef is a counted reference; the hub holds one from start to end, so a greenlet that nobody refers
// to still runs. One thread only.

#pragma once

#include <boost/intrusive/list_hook.hpp>
#include <boost/intrusive_ptr.hpp>

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "greenrt/block_cache.h"
#include "greenrt/context.h"
#include "greenrt/deadline.h"
#include "greenrt/error.h"
#include "greenrt/runnable.h"
#include "greenrt/wait_list.h"

namespace greenrt {

class Hub;
class GreenletKind;
namespace detail {
class Locals;
}
template <typename T>
using Ref = boost::intrusive_ptr<T>;
using GreenletRef = Ref<Greenlet>;

class Greenlet : public Runnable {
 public:
  using LinkCallback = std::function<void(Greenlet&)>;
  using LinkId = std::uint64_t;

  // Queues the greenlet to run. Once only: a later call does nothing. Throws TooManyGreenlets when the hub is full.
  void start();

  // True from start() until the end.
  [[nodiscard]] bool started() const { return state_ == State::kStarted || state_ == State::kRunning; }
  // True once it has ended, in whatever way.
  [[nodiscard]] bool ready() const { return state_ == State::kEnded; }
  // Ended by returning, or by GreenletExit.
  [[nodiscard]] bool successful() const { return ready() && !failed_; }
  [[nodiscard]] bool failed() const { return ready() && failed_; }
  // It was killed with GreenletExit, whether that has reached it yet or not, and has not ended.
  [[nodiscard]] bool killed() const { return killed_; }
  // What ended it: the failure, or the GreenletExit of a kill; null after a plain return and before the end.
  [[nodiscard]] const std::exception_ptr& exception() const { return exception_; }

  // Yields until the greenlet has ended or the deadline passes; true when it has ended. Never throws its failure.
  // Throws std::logic_error in the greenlet itself.
  bool join(Deadline deadline = Deadline::never());

  // Ends the greenlet by throwing GreenletExit (or `exception`) into it, and yields until it has ended or the deadline
  // passes. Does nothing to one that has ended. Killing oneself throws at once.
  void kill(Deadline deadline = Deadline::never());
  void kill(std::exception_ptr exception, Deadline deadline = Deadline::never());
  // The same without waiting.
  void kill_soon(std::exception_ptr exception = nullptr);

  // Calls `callback` once the greenlet has ended: link in a greenlet of its own, rawlink on the hub, where it must not
  // wait. In order of linking, from one callback of the hub; after the end, at the next pass. link_value and
  // link_exception call only after success or failure. An error in one goes to the hub's handler; the others still run.
  LinkId link(LinkCallback callback);
  LinkId link_value(LinkCallback callback);
  LinkId link_exception(LinkCallback callback);
  LinkId rawlink(LinkCallback callback);
  void unlink(LinkId id);
  void unlink_all();

  // Who waits for the end: for waiting on several things at once, see wait_set.h.
  [[nodiscard]] WaitList& waiters() { return joiners_; }

  // The values of its GreenletLocals. For GreenletLocal only.
  [[nodiscard]] detail::Locals& locals();

  // Never used twice on one thread.
  [[nodiscard]] std::uint64_t number() const { return number_; }
  // "Greenlet-" and the number, unless set.
  [[nodiscard]] const std::string& name();
  void set_name(std::string name);

  // Whose statistics it counts for: "other" unless set. Of the hub that will run it (Hub::kind()).
  void set_kind(GreenletKind& kind) { kind_ = &kind; }

  // What it waits for right now, as "Event", "socket read": nullptr while it does not wait.
  [[nodiscard]] const char* waiting_for() const { return waiting_for_; }

  static void* operator new(std::size_t size) { return BlockCache::take(size); }
  static void operator delete(void* block, std::size_t size) { BlockCache::give_back(block, size); }

 protected:
  Greenlet();
  ~Greenlet() override;

  // The body. Called once, on the greenlet's own stack.
  virtual void run() = 0;
  // Called instead of run() when the greenlet was killed before its first turn: frees what the body would have used.
  virtual void drop_body() noexcept {}

  // For get(): throws TimeoutExpired unless ended by the deadline, then the stored exception if there is one.
  void await_result(Deadline deadline);

 private:
  friend class Hub;
  friend class WaitList;
  friend class StackGuard;
  friend class Shield;
  friend class Timeout;
  friend class DeadlineScope;
  friend class Monitor;
  friend class Simulation;
  friend std::vector<struct GreenletInfo> list_greenlets(Hub& hub);
  friend Deadline current_deadline();
  friend void switch_to(Greenlet& other);
  friend void intrusive_ptr_add_ref(Greenlet* greenlet) { ++greenlet->references_; }
  friend void intrusive_ptr_release(Greenlet* greenlet) {
    if (--greenlet->references_ == 0) delete greenlet;
  }

  enum class State : std::uint8_t { kNew, kStarted, kRunning, kEnded };
  enum class LinkKind : std::uint8_t { kAlways, kValue, kException, kRaw };
  struct Extras;
  struct Pending {
    std::exception_ptr exception;
    const void* source;      // the Timeout that may take it back, or nullptr
    bool lasting = false;    // is thrown again until the greenlet ends, or its source takes it back
    bool delivered = false;  // a lasting one that was thrown before
    bool deferred = false;   // has been counted as such
    // The handler that it was thrown in, by that one's exception: kept, so that its address is nobody else's.
    std::exception_ptr thrown_in{};
  };

  static void entry();
  void body() noexcept;
  void finish(std::exception_ptr exception) noexcept;
  void drop_locals() noexcept;
  void end_unstarted(std::exception_ptr exception) noexcept;
  void throw_in(std::exception_ptr exception);
  void throw_in(Pending pending);
  void take_back(const void* source);
  void throw_pending() {
    if (!pending_.empty()) [[unlikely]]
      throw_first_pending();
  }
  void throw_first_pending();
  void throw_again(Pending& pending);
  Extras& extras();
  LinkId add_link(LinkKind kind, LinkCallback callback);

  // What every switch touches comes first.
  State state_ = State::kNew;
  bool failed_ = false;
  bool killed_ = false;
  bool in_switch_to_ = false;
  bool switched_to_ = false;
  bool throws_again_ = false;       // at the end of the wait that has begun
  volatile bool renaming_ = false;  // a signal handler must not look at the name
  const char* waiting_for_ = nullptr;
  const WaitList* waiting_in_ = nullptr;  // alive while it waits and is not ready
  std::vector<Pending> pending_;          // to be thrown at the next switch points, one at each
  Context context_;
  Hub* hub_ = nullptr;
  std::uint32_t references_ = 0;
  std::uint32_t shields_ = 0;
  WaitList joiners_;
  std::exception_ptr exception_;
  std::unique_ptr<Extras> extras_;
  std::string name_;
  GreenletKind* kind_ = nullptr;
  std::uint64_t number_;
  std::uint64_t spawner_ = 0;  // its number, 0 for the hub itself
  Clock::time_point started_at_;
  Deadline deadline_;  // of the innermost DeadlineScope

 public:
  boost::intrusive::list_member_hook<> all_hook;  // the hub's list of greenlets
};

// A greenlet whose body returns a T.
template <typename T>
class GreenletOf : public Greenlet {
 public:
  // The returned value; only after a plain return.
  [[nodiscard]] const T& value() const { return *value_; }
  [[nodiscard]] bool has_value() const { return value_.has_value(); }

  // Yields until the end. Rethrows a failure, throws the GreenletExit of a kill, and TimeoutExpired at the deadline.
  T& get(Deadline deadline = Deadline::never()) {
    await_result(deadline);
    return *value_;
  }

 protected:
  std::optional<T> value_;
};

template <>
class GreenletOf<void> : public Greenlet {
 public:
  void get(Deadline deadline = Deadline::never()) { await_result(deadline); }
};

namespace detail {

template <typename Result, typename Callable>
class CallableGreenlet final : public GreenletOf<Result> {
 public:
  explicit CallableGreenlet(Callable&& callable) : callable_(std::move(callable)) {}

 private:
  void run() override {
    // The captured state goes with the body, not with the last reference.
    const struct Reset {
      std::optional<Callable>& callable;
      ~Reset() { callable.reset(); }
    } reset{callable_};
    if constexpr (std::is_void_v<Result>) {
      (*callable_)();
    } else {
      this->value_.emplace((*callable_)());
    }
  }

  void drop_body() noexcept override { callable_.reset(); }

  std::optional<Callable> callable_;
};

// Throws TooManyGreenlets unless the hub has room for one more.
void require_room();

}  // namespace detail

// Creates a greenlet for callable(args...), which are copied or moved into it, without starting it.
template <typename Callable, typename... Args>
auto make_greenlet(Callable&& callable, Args&&... args) {
  auto bound = [callable = std::forward<Callable>(callable),
                arguments = std::make_tuple(std::forward<Args>(args)...)]() mutable -> decltype(auto) {
    return std::apply(std::move(callable), std::move(arguments));
  };
  using Result = std::decay_t<decltype(bound())>;
  using Made = detail::CallableGreenlet<Result, decltype(bound)>;
  static_assert(alignof(Made) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__, "see BlockCache");
  return Ref<GreenletOf<Result>>(new Made(std::move(bound)));
}

// Creates and starts. The body runs when the caller next yields. Throws TooManyGreenlets before it takes anything from
// its arguments.
template <typename Callable, typename... Args>
auto spawn(Callable&& callable, Args&&... args) {
  detail::require_room();
  auto greenlet = make_greenlet(std::forward<Callable>(callable), std::forward<Args>(args)...);
  greenlet->start();
  return greenlet;
}

// The same after a while. Killed before that, the body never runs.
template <typename Callable, typename... Args>
auto spawn_later(Duration after, Callable&& callable, Args&&... args);

// Starts a greenlet of a class of one's own: derive from GreenletOf<T>, override run(), and have it set value_.
template <std::derived_from<Greenlet> G, typename... Args>
Ref<G> spawn_new(Args&&... args) {
  static_assert(alignof(G) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__, "see BlockCache");
  detail::require_room();
  Ref<G> greenlet(new G(std::forward<Args>(args)...));
  greenlet->start();
  return greenlet;
}

// Yields until all of them have ended or the deadline passes; true when all have ended.
bool join_all(const std::vector<GreenletRef>& greenlets, Deadline deadline = Deadline::never());

// Kills all of them, then yields until all have ended; throws TimeoutExpired at the deadline, as gevent's killall.
void kill_all(const std::vector<GreenletRef>& greenlets, Deadline deadline = Deadline::never());

// Yields for at least `duration`; zero or less is yield().
void sleep(Duration duration);
// Yields until every greenlet that is ready now has had its turn.
void yield();

template <typename Callable, typename... Args>
auto spawn_later(Duration after, Callable&& callable, Args&&... args) {
  return spawn(
      [after, callable = std::forward<Callable>(callable)](auto&&... given) mutable -> decltype(auto) {
        sleep(after);
        return std::invoke(std::move(callable), std::forward<decltype(given)>(given)...);
      },
      std::forward<Args>(args)...);
}

// Hands control to `other`, which runs at once, before everything that is ready, and waits until somebody hands it back
// to the caller. For greenlets that take turns; everything else is better off with a Channel or an Event. `other` is
// started if it is new; otherwise it must be waiting in switch_to itself: std::logic_error.
void switch_to(Greenlet& other);

// The running greenlet, nullptr on the hub or outside of it.
Greenlet* current();

// Shield: while one lives, nothing is thrown into the greenlet that made it. For clean-up that must wait, destructors
// above all: an exception out of a destructor ends the process. Give such a wait a deadline of its own. Nests.
class Shield {
 public:
  Shield();
  ~Shield();
  Shield(const Shield&) = delete;
  Shield& operator=(const Shield&) = delete;

 private:
  Greenlet& greenlet_;
};

}  // namespace greenrt
