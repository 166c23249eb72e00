// SerialChain: keeps the frames of one device in order, by a chain of joins per nserie.
//
// A frame's greenlet takes its Place at the end of its device's chain before it first yields, then waits until its
// predecessor has left. Chains of different devices never wait for each other. The entry of a device goes when the last
// place leaves, so an idle device costs nothing.
//
// Places live on the stacks of their greenlets. One thread only. Nothing here throws but for memory.

#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "greenrt/deadline.h"
#include "greenrt/wait_list.h"
#include "ingest/keyed_hash.h"

namespace ingest {

class SerialChain {
 public:
  class Place;

 private:
  using Tails = std::unordered_map<std::string, Place*, KeyedStringHash, std::equal_to<>>;

 public:
  class Place {
   public:
    // Takes the place behind the last one of `nserie`. Never yields.
    Place(SerialChain& chain, std::string_view nserie);
    // Leaves, also before its turn has come: who waits behind then waits for who was in front.
    ~Place() { leave(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // Yields until everybody in front has left (true) or until the deadline (false).
    bool wait_turn(greenrt::Deadline deadline = greenrt::Deadline::never());

    // Lets the next one go on. Idempotent. Never yields.
    void leave();

   private:
    friend class SerialChain;
    SerialChain& chain_;
    Tails::value_type* entry_;  // stays where it is when the table grows
    Place* before_ = nullptr;
    Place* behind_ = nullptr;
    greenrt::WaitList turn_;
    bool left_ = false;
  };

  SerialChain() = default;
  SerialChain(const SerialChain&) = delete;
  SerialChain& operator=(const SerialChain&) = delete;

  // Devices with at least one frame on its way.
  [[nodiscard]] std::size_t devices() const { return tails_.size(); }

 private:
  Tails tails_;
};

}  // namespace ingest
