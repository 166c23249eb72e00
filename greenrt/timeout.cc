#include "greenrt/timeout.h"

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/timer.h"

namespace greenrt {
namespace {

std::uint64_t next_timeout_id() {
  static thread_local std::uint64_t last = 0;
  return ++last;
}

}  // namespace

Timeout::Timeout(Deadline deadline, std::exception_ptr exception)
    : hub_(Hub::current()),
      greenlet_(*hub_.require_running()),
      id_(next_timeout_id()),
      exception_(std::move(exception)) {
  ev_init(&timer_, &Timeout::on_expiry);
  timer_.data = this;
  restart(deadline);
}

Timeout::~Timeout() {
  cancel();
}

void Timeout::restart(Deadline deadline) {
  cancel();
  if (!deadline.is_never()) start_timer(hub_.loop(), timer_, deadline);
}

void Timeout::cancel() {
  ev_timer_stop(hub_.loop(), &timer_);
  greenlet_.take_back(this);
}

void Timeout::on_expiry(struct ev_loop*, ev_timer* timer, int) {
  auto* self = static_cast<Timeout*>(timer->data);
  if (!self->exception_) self->exception_ = std::make_exception_ptr(TimeoutExpired(self->id_));
  self->greenlet_.throw_in({self->exception_, self});
}

}  // namespace greenrt
