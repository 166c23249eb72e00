#include "greenrt/deadline_scope.h"

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/timeout.h"

namespace greenrt {

DeadlineScope::DeadlineScope(Deadline deadline)
    : greenlet_(*Hub::current().require_running()),
      outer_(greenlet_.deadline_),
      id_(next_timeout_id()),
      timer_(Hub::current(), &DeadlineScope::on_expiry, this) {
  if (deadline.time() >= outer_.time()) return;  // the outer scope's timer does for both
  greenlet_.deadline_ = deadline;
  timer_.start(deadline);
}

DeadlineScope::~DeadlineScope() {
  timer_.stop();
  greenlet_.take_back(this);
  greenlet_.deadline_ = outer_;
}

void DeadlineScope::on_expiry(void* owner) {
  auto* self = static_cast<DeadlineScope*>(owner);
  self->greenlet_.throw_in({std::make_exception_ptr(TimeoutExpired(self->id_)), self, true});
}

Deadline current_deadline() {
  const Greenlet* greenlet = current();
  return greenlet ? greenlet->deadline_ : Deadline::never();
}

}  // namespace greenrt
