#include "greenrt/poll.h"

#include <ev.h>

#include <cerrno>
#include <optional>
#include <system_error>
#include <vector>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/timer.h"

namespace greenrt {
namespace {

std::size_t poll_now(std::span<pollfd> descriptors) {
  while (true) {
    const int ready = ::poll(descriptors.data(), descriptors.size(), 0);
    if (ready >= 0) return static_cast<std::size_t>(ready);
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
  }
}

// Makes the running greenlet ready whenever one of the descriptors is.
class Watches {
 public:
  Watches(Hub& hub, std::span<const pollfd> descriptors) : hub_(hub), greenlet_(*hub.require_running()) {
    watches_.reserve(descriptors.size());
    for (const pollfd& each : descriptors) {
      const int events = (each.events & POLLIN ? EV_READ : 0) | (each.events & POLLOUT ? EV_WRITE : 0);
      if (each.fd < 0 || events == 0) continue;
      ev_io& watch = watches_.emplace_back();
      ev_io_init(&watch, &Watches::on_event, each.fd, events);
      watch.data = this;
      ev_io_start(hub.loop(), &watch);
    }
  }
  ~Watches() {
    for (ev_io& watch : watches_)
      ev_io_stop(hub_.loop(), &watch);
  }
  Watches(const Watches&) = delete;
  Watches& operator=(const Watches&) = delete;

 private:
  static void on_event(struct ev_loop*, ev_io* watch, int) {
    auto* self = static_cast<Watches*>(watch->data);
    self->hub_.schedule(self->greenlet_);
  }

  Hub& hub_;
  Greenlet& greenlet_;
  std::vector<ev_io> watches_;
};

}  // namespace

std::size_t poll(std::span<pollfd> descriptors, Deadline deadline) {
  if (const std::size_t ready = poll_now(descriptors)) return ready;
  Hub& hub = Hub::current();
  const Watches watches(hub, descriptors);
  std::optional<WakeTimer> timer;
  if (!deadline.is_never()) timer.emplace(hub, deadline);
  while (true) {
    hub.suspend("poll");
    if (const std::size_t ready = poll_now(descriptors)) return ready;
    if (timer && timer->expired()) return 0;
  }
}

}  // namespace greenrt
