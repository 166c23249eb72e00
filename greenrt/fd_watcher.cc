#include "greenrt/fd_watcher.h"

#include <optional>
#include <stdexcept>

#include "greenrt/error.h"
#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/timer.h"

namespace greenrt {

FdWatcher::FdWatcher(int fd) : hub_(Hub::current()), fd_(fd) {
  ev_io_init(&sides_[kRead].io, &FdWatcher::on_event, fd, EV_READ);
  ev_io_init(&sides_[kWrite].io, &FdWatcher::on_event, fd, EV_WRITE);
  for (Side& side : sides_)
    side.io.data = this;
}

FdWatcher::~FdWatcher() {
  close();
}

// An active watch does not keep the loop alive; a greenlet that waits for it does.
void FdWatcher::start(Side& side) {
  if (ev_is_active(&side.io)) return;
  ev_io_start(hub_.loop(), &side.io);
  ev_unref(hub_.loop());
}

void FdWatcher::stop(Side& side) {
  if (!ev_is_active(&side.io)) return;
  ev_ref(hub_.loop());
  ev_io_stop(hub_.loop(), &side.io);
}

bool FdWatcher::wait(Direction direction, Deadline deadline) {
  Side& side = sides_[direction];
  if (closed()) throw Closed("the descriptor is closed");
  if (side.waiter) throw ConcurrentUse("another greenlet waits on this side of the descriptor");

  std::optional<WakeTimer> timer;
  if (!deadline.is_never()) timer.emplace(hub_, deadline);
  start(side);
  side.ready = false;
  side.waiter = hub_.running();
  ev_ref(hub_.loop());
  const struct Leave {
    ~Leave() {
      side.waiter = nullptr;
      ev_unref(hub.loop());
    }
    Side& side;
    Hub& hub;
  } leave{side, hub_};

  while (!side.ready) {
    if (closed()) throw Closed("the descriptor was closed by another greenlet");
    if (timer && timer->expired()) return false;
    hub_.suspend(direction == kRead ? "reading" : "writing");
  }
  return true;
}

void FdWatcher::on_event(struct ev_loop*, ev_io* io, int events) {
  auto* self = static_cast<FdWatcher*>(io->data);
  Side& side = io == &self->sides_[kRead].io ? self->sides_[kRead] : self->sides_[kWrite];
  if (!side.waiter) {
    self->stop(side);
    return;
  }
  side.ready = true;
  if (events & EV_ERROR) self->stop(side);
  self->hub_.schedule(*side.waiter);
}

void FdWatcher::close() {
  if (closed()) return;
  fd_ = -1;
  for (Side& side : sides_) {
    stop(side);
    if (side.waiter) hub_.schedule(*side.waiter);
  }
}

}  // namespace greenrt
