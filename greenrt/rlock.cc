#include "greenrt/rlock.h"

#include <stdexcept>
#include <utility>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"

namespace greenrt {

bool RLock::owned() const {
  const Greenlet* self = current();
  return self && owner_ == self->number();
}

bool RLock::acquire(Deadline deadline) {
  const std::uint64_t self = Hub::current().require_running()->number();
  if (owner_ != self) {
    if (!free_.acquire(deadline)) return false;
    set_owner(self);
  }
  ++depth_;
  return true;
}

bool RLock::try_acquire() {
  const std::uint64_t self = Hub::current().require_running()->number();
  if (owner_ != self) {
    if (!free_.try_acquire()) return false;
    set_owner(self);
  }
  ++depth_;
  return true;
}

void RLock::release() {
  if (!owned()) throw std::logic_error("only the greenlet that holds an RLock can release it");
  if (--depth_ > 0) return;
  set_owner(0);
  free_.release();
}

void RLock::set_owner(std::uint64_t owner) {
  owner_ = owner;
  free_.set_owner(owner);
}

std::size_t RLock::release_all() {
  if (!owned()) throw std::logic_error("only the greenlet that holds an RLock can wait on its Condition");
  const std::size_t depth = std::exchange(depth_, 1);
  release();
  return depth;
}

void RLock::acquire_again(std::size_t depth) {
  acquire();
  depth_ = depth;
}

}  // namespace greenrt
