// SerialChain: keeps the frames of one device in order, by a chain of joins.
//
// A frame's greenlet takes its Place at the end of its device's chain before it first yields, then waits until its
// predecessor has left. Chains of different devices never wait for each other.
//
// Places live on the stacks of their greenlets; the chain outlives them. One thread only. Nothing here throws.

#pragma once

#include "greenrt/deadline.h"
#include "greenrt/wait_list.h"

namespace ingest {

class SerialChain {
 public:
  class Place {
   public:
    // Takes the place behind the last one. Never yields.
    explicit Place(SerialChain& chain);
    // Leaves, also before its turn has come: who waits behind then waits for who was in front.
    ~Place() { leave(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // Yields until everybody in front has left (true) or until the deadline (false).
    bool wait_turn(greenrt::Deadline deadline = greenrt::Deadline::never());

    // Lets the next one go on. Idempotent. Never yields.
    void leave();

   private:
    SerialChain& chain_;
    Place* before_;
    Place* behind_ = nullptr;
    greenrt::WaitList turn_;
    bool left_ = false;
  };

  SerialChain() = default;
  SerialChain(const SerialChain&) = delete;
  SerialChain& operator=(const SerialChain&) = delete;

  [[nodiscard]] bool empty() const { return last_ == nullptr; }

 private:
  Place* last_ = nullptr;
};

}  // namespace ingest
