#include "greenrt/fd_watcher.h"

#include <optional>

#include "greenrt/error.h"
#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/timer.h"

namespace greenrt {

// A wait and its side know each other until one of them goes.
struct FdWatcher::Wait {
  Wait(Hub& its_hub, Side& its_side) : hub(its_hub), greenlet(*hub.require_running()), side(&its_side) {
    side->wait = this;
    ev_ref(hub.loop());
  }
  ~Wait() {
    ev_unref(hub.loop());
    if (side) side->wait = nullptr;
  }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  Hub& hub;
  Greenlet& greenlet;
  Side* side;  // nullptr once the watcher is closed
  bool ready = false;
};

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
  if (side.wait) throw ConcurrentUse("another greenlet waits on this side of the descriptor");

  Wait wait(hub_, side);
  std::optional<WakeTimer> timer;
  if (!deadline.is_never()) timer.emplace(hub_, deadline);
  start(side);
  while (!wait.ready) {
    if (timer && timer->expired()) return false;
    wait.hub.suspend(direction == kRead ? "reading" : "writing");
    if (!wait.side) throw Closed("the descriptor was closed by another greenlet");
  }
  return true;
}

void FdWatcher::on_event(struct ev_loop* loop, ev_io* io, int events) {
  auto* self = static_cast<FdWatcher*>(io->data);
  Side& side = io == &self->sides_[kRead].io ? self->sides_[kRead] : self->sides_[kWrite];
  // libev has stopped the watch of a descriptor that it cannot watch. Whoever waits will learn the reason by trying.
  if (events & EV_ERROR) ev_ref(loop);
  if (!side.wait) {
    self->stop(side);
    return;
  }
  side.wait->ready = true;
  self->hub_.schedule(side.wait->greenlet);
}

void FdWatcher::close() {
  if (closed()) return;
  fd_ = -1;
  for (Side& side : sides_) {
    stop(side);
    if (!side.wait) continue;
    hub_.schedule(side.wait->greenlet);
    side.wait->side = nullptr;
    side.wait = nullptr;
  }
}

}  // namespace greenrt
