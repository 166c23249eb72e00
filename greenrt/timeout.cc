#include "greenrt/timeout.h"

#include <stdexcept>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/timer.h"

namespace greenrt {
namespace {

std::uint64_t next_timeout_id() {
  static thread_local std::uint64_t last = 0;
  return ++last;
}

Greenlet& running_greenlet() {
  Greenlet* greenlet = Hub::current().running();
  if (!greenlet) throw std::logic_error("a Timeout needs a greenlet to throw into");
  return *greenlet;
}

}  // namespace

Timeout::Timeout(Deadline deadline, std::exception_ptr exception)
    : hub_(Hub::current()), greenlet_(running_greenlet()), id_(next_timeout_id()), exception_(std::move(exception)) {
  if (!exception_) exception_ = std::make_exception_ptr(TimeoutExpired(id_));
  ev_init(&timer_, &Timeout::on_expiry);
  timer_.data = this;
  if (!deadline.is_never()) start_timer(hub_.loop(), timer_, deadline);
}

Timeout::~Timeout() {
  cancel();
}

void Timeout::cancel() {
  ev_timer_stop(hub_.loop(), &timer_);
  if (greenlet_.pending_ == exception_) greenlet_.pending_ = nullptr;
}

void Timeout::on_expiry(struct ev_loop*, ev_timer* timer, int) {
  auto* self = static_cast<Timeout*>(timer->data);
  self->greenlet_.throw_in(self->exception_);
}

}  // namespace greenrt
