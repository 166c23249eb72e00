#include "greenrt/greenlet.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <stdexcept>

#include "greenrt/greenlet_local.h"
#include "greenrt/hub.h"
#include "greenrt/timer.h"

namespace greenrt {
namespace {

constinit thread_local std::uint64_t greenlets_made = 0;
constinit thread_local std::uint64_t links_made = 0;

bool is_greenlet_exit(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const GreenletExit&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

// What few greenlets have: the values of greenlet locals, and links, with the one callback that fires them.
struct Greenlet::Extras final : Runnable {
  struct Link {
    LinkId id;
    LinkKind kind;
    LinkCallback callback;
  };

  explicit Extras(Greenlet& greenlet) : Runnable(nullptr), owner(greenlet) {}

  void run_in_hub() override {
    // A link may drop the last reference to the greenlet, and add or remove links.
    const GreenletRef alive(&owner);
    held = nullptr;
    while (!pending.empty()) {
      const Link link = std::move(pending.front());
      pending.erase(pending.begin());
      if (link.kind == LinkKind::kValue && owner.failed_) continue;
      if (link.kind == LinkKind::kException && !owner.failed_) continue;
      fire(link);
    }
  }

  void abandon() noexcept override { const GreenletRef alive = std::move(held); }

  void fire(const Link& link) {
    try {
      if (link.kind == LinkKind::kRaw) {
        link.callback(owner);
      } else {
        spawn([callback = link.callback, greenlet = GreenletRef(&owner)] { callback(*greenlet); });
      }
    } catch (...) {
      owner.hub_->handle_error("link", std::current_exception());
    }
  }

  void schedule() {
    held = GreenletRef(&owner);
    owner.hub_->schedule(*this);
  }

  Greenlet& owner;
  GreenletRef held;  // from the end of the greenlet until its links have fired
  std::vector<Link> pending;
  detail::Locals locals;
};

Greenlet::Greenlet() : Runnable(this), number_(++greenlets_made) {}
Greenlet::~Greenlet() = default;

void Greenlet::start() {
  if (state_ != State::kNew) return;
  hub_ = &Hub::current();
  hub_->admit(*this);
  state_ = State::kStarted;
  hub_->schedule(*this);
}

void Greenlet::entry() {
  Hub& hub = Hub::current();
  hub.after_switch();
  hub.running()->body();
  hub.leave_for_ever();
}

void Greenlet::body() noexcept {
  std::exception_ptr exception;
  try {
    run();
  } catch (...) {
    exception = std::current_exception();
  }
  if (extras_) [[unlikely]]
    drop_locals();
  finish(std::move(exception));
}

void Greenlet::drop_locals() noexcept {
  const Shield shield;
  extras_->locals.clear();
}

detail::Locals& Greenlet::locals() {
  return extras().locals;
}

void Greenlet::finish(std::exception_ptr exception) noexcept {
  exception_ = std::move(exception);
  pending_.clear();
  killed_ = false;
  state_ = State::kEnded;
  failed_ = exception_ && !is_greenlet_exit(exception_);
  if (failed_ && hub_) hub_->handle_error(name(), exception_);
  joiners_.wake_all();
  if (extras_ && !extras_->pending.empty()) extras_->schedule();
}

void Greenlet::end_unstarted(std::exception_ptr exception) noexcept {
  const GreenletRef alive(this);  // whoever is told of the end may hold the last reference
  drop_body();
  finish(std::move(exception));
}

bool Greenlet::join(Deadline deadline) {
  if (current() == this) throw std::logic_error("a greenlet cannot wait for its own end");
  if (ready()) return true;
  const GreenletRef alive(this);
  joiners_.set_owner(number_);
  while (!ready()) {
    WaitList::Waiter waiter;
    if (!joiners_.wait(waiter, "the end of", deadline)) return ready();
  }
  return true;
}

void Greenlet::await_result(Deadline deadline) {
  if (!join(deadline)) throw TimeoutExpired();
  if (exception_) std::rethrow_exception(exception_);
}

void Greenlet::kill(Deadline deadline) {
  kill(nullptr, deadline);
}

void Greenlet::kill(std::exception_ptr exception, Deadline deadline) {
  const GreenletRef alive(this);
  kill_soon(std::move(exception));
  join(deadline);
}

void Greenlet::kill_soon(std::exception_ptr exception) {
  if (!exception) exception = std::make_exception_ptr(GreenletExit());
  switch (state_) {
    case State::kNew:
      hub_ = &Hub::current();
      end_unstarted(std::move(exception));
      break;
    case State::kStarted:  // the hub forgets it when its turn comes
      end_unstarted(std::move(exception));
      break;
    case State::kRunning:
      if (current() == this) std::rethrow_exception(exception);
      throw_in(std::move(exception));
      break;
    case State::kEnded:
      break;
  }
}

// In order of arrival, but a GreenletExit goes before all others, and there is at most one.
void Greenlet::throw_in(std::exception_ptr exception) {
  if (!is_greenlet_exit(exception)) {
    throw_in({std::move(exception), nullptr});
  } else if (killed_) {
    pending_.front() = {std::move(exception), nullptr, true};  // breaks off even what it does because of the first kill
    hub_->schedule(*this);
  } else {
    killed_ = true;
    pending_.insert(pending_.begin(), {std::move(exception), nullptr, true});
    hub_->schedule(*this);
  }
}

void Greenlet::throw_in(Pending pending) {
  pending_.push_back(std::move(pending));
  hub_->schedule(*this);
}

void Greenlet::take_back(const void* source) {
  std::erase_if(pending_, [source](const Pending& each) { return each.source == source; });
}

void Greenlet::throw_first_pending() {
  if (shields_ > 0 || std::uncaught_exceptions() > 0) {
    for (Pending& each : pending_) {
      if (!each.delivered && !std::exchange(each.deferred, true)) ++hub_->stats_.kills_deferred;
    }
    return;
  }
  // A handler that began after it was thrown may be one that cleans up because of it.
  const std::exception_ptr handled = std::current_exception();
  const auto next = std::ranges::find_if(
      pending_, [&](const Pending& each) { return !each.delivered || !handled || handled == each.thrown_in; });
  if (next == pending_.end()) return;
  if (next->delivered) return throw_again(*next);
  throws_again_ = false;  // what was to be thrown again comes after this one
  const std::exception_ptr exception = next->exception;
  if (next->lasting) {
    next->delivered = true;
    next->thrown_in = handled;
  } else {
    pending_.erase(next);
  }
  std::rethrow_exception(exception);
}

// Not before the wait but after it, so that others run.
void Greenlet::throw_again(Pending& pending) {
  if (!std::exchange(throws_again_, true)) {
    hub_->schedule(*this);
    return;
  }
  throws_again_ = false;
  ++hub_->stats_.kills_swallowed;
  pending.thrown_in = std::current_exception();
  const std::exception_ptr exception = pending.exception;
  std::rethrow_exception(exception);
}

Shield::Shield() : greenlet_(*Hub::current().require_running()) {
  ++greenlet_.shields_;
}

Shield::~Shield() {
  --greenlet_.shields_;
}

void detail::require_room() {
  Hub::current().require_room();
}

Greenlet::Extras& Greenlet::extras() {
  if (!extras_) extras_ = std::make_unique<Extras>(*this);
  return *extras_;
}

Greenlet::LinkId Greenlet::add_link(LinkKind kind, LinkCallback callback) {
  if (!hub_ || ready()) hub_ = &Hub::current();  // the one that ran it may be gone
  extras().pending.push_back({++links_made, kind, std::move(callback)});
  if (ready()) extras_->schedule();
  return links_made;
}

Greenlet::LinkId Greenlet::link(LinkCallback callback) {
  return add_link(LinkKind::kAlways, std::move(callback));
}
Greenlet::LinkId Greenlet::link_value(LinkCallback callback) {
  return add_link(LinkKind::kValue, std::move(callback));
}
Greenlet::LinkId Greenlet::link_exception(LinkCallback callback) {
  return add_link(LinkKind::kException, std::move(callback));
}
Greenlet::LinkId Greenlet::rawlink(LinkCallback callback) {
  return add_link(LinkKind::kRaw, std::move(callback));
}

void Greenlet::unlink(LinkId id) {
  if (extras_) std::erase_if(extras_->pending, [id](const Extras::Link& link) { return link.id == id; });
}

void Greenlet::unlink_all() {
  if (extras_) extras_->pending.clear();
}

const std::string& Greenlet::name() {
  if (name_.empty()) set_name("Greenlet-" + std::to_string(number_));
  return name_;
}

void Greenlet::set_name(std::string name) {
  renaming_ = true;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  name_ = std::move(name);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  renaming_ = false;
}

bool join_all(const std::vector<GreenletRef>& greenlets, Deadline deadline) {
  return std::all_of(greenlets.begin(), greenlets.end(), [&](const GreenletRef& each) { return each->join(deadline); });
}

void kill_all(const std::vector<GreenletRef>& greenlets, Deadline deadline) {
  for (const GreenletRef& each : greenlets) {
    if (each.get() != current()) each->kill_soon();
  }
  for (const GreenletRef& each : greenlets) {
    if (each.get() != current() && !each->join(deadline)) throw TimeoutExpired();
  }
}

void sleep(Duration duration) {
  if (duration <= Duration::zero()) return yield();
  Hub& hub = Hub::current();
  const WakeTimer timer(hub, duration);
  while (!timer.expired())
    hub.suspend("sleep");
}

void switch_to(Greenlet& other) {
  Hub& hub = Hub::current();
  Greenlet& self = *hub.require_running();
  const GreenletRef alive(&other);
  if (other.state_ == Greenlet::State::kNew) {
    other.start();
  } else if (&other == &self || !(other.in_switch_to_ || other.state_ == Greenlet::State::kStarted)) {
    throw std::logic_error("switch_to takes a greenlet that is new, or waits in switch_to");
  }
  const struct Waiting {
    explicit Waiting(Greenlet& its_self) : self(its_self) {
      self.in_switch_to_ = true;
      self.switched_to_ = false;
    }
    ~Waiting() { self.in_switch_to_ = false; }
    Greenlet& self;
  } waiting(self);
  other.switched_to_ = true;
  hub.schedule_next(other);
  while (!self.switched_to_)
    hub.suspend("a switch back");
}

Greenlet* current() {
  Hub* hub = Hub::current_or_null();
  return hub ? hub->running() : nullptr;
}

}  // namespace greenrt
