#include "ingest/serial_chain.h"

#include <utility>

namespace ingest {

SerialChain::Place::Place(SerialChain& chain, std::string_view nserie) : chain_(chain) {
  const auto known = chain.tails_.find(nserie);
  if (known == chain.tails_.end()) {
    entry_ = &*chain.tails_.emplace(nserie, this).first;
    return;
  }
  entry_ = &*known;
  before_ = std::exchange(entry_->second, this);
  before_->behind_ = this;
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
  } else if (before_) {
    entry_->second = before_;
  } else {
    chain_.tails_.erase(chain_.tails_.find(entry_->first));
  }
}

}  // namespace ingest
