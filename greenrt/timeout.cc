#include "greenrt/timeout.h"

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"

namespace greenrt {

std::uint64_t next_timeout_id() {
  constinit static thread_local std::uint64_t last = 0;
  return ++last;
}

Timeout::Timeout(Deadline deadline, std::exception_ptr exception)
    : greenlet_(*Hub::current().require_running()),
      id_(next_timeout_id()),
      exception_(std::move(exception)),
      timer_(Hub::current(), &Timeout::on_expiry, this) {
  timer_.start(deadline);
}

Timeout::~Timeout() {
  cancel();
}

void Timeout::restart(Deadline deadline) {
  cancel();
  timer_.start(deadline);
}

void Timeout::cancel() {
  timer_.stop();
  greenlet_.take_back(this);
}

void Timeout::on_expiry(void* owner) {
  auto* self = static_cast<Timeout*>(owner);
  if (!self->exception_) self->exception_ = std::make_exception_ptr(TimeoutExpired(self->id_));
  self->greenlet_.throw_in({self->exception_, self});
}

}  // namespace greenrt
