#include "ingest/serial_chain.h"

#include <utility>

namespace ingest {

SerialChain::Place::Place(SerialChain& chain) : chain_(chain), before_(std::exchange(chain.last_, this)) {
  if (before_) before_->behind_ = this;
}

bool SerialChain::Place::wait_turn(greenrt::Deadline deadline) {
  while (before_) {
    greenrt::WaitList::Waiter waiter;
    if (!turn_.wait(waiter, "predecessor's frame", deadline)) return before_ == nullptr;
  }
  return true;
}

void SerialChain::Place::leave() {
  if (left_) return;
  left_ = true;
  if (before_) before_->behind_ = behind_;
  if (behind_) {
    behind_->before_ = before_;
    if (!before_) behind_->turn_.wake_one();
  } else {
    chain_.last_ = before_;
  }
}

}  // namespace ingest
