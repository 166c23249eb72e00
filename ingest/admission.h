// Admission: the limits that a datagram passes before anything is created for it.
//
// Bounds the datagrams in flight in all, and those of one (source address and port, claimed serial), so that a device
// that floods is shed before its neighbours are. A Ticket stands for one datagram in flight. Never yields. One thread
// only.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "greenrt/socket_address.h"
#include "ingest/counters.h"

namespace ingest {

class Admission {
 public:
  struct Limits {  // each at least 1
    std::size_t in_flight = 20000;
    std::size_t in_flight_per_source = 64;
  };

  class Ticket {
   public:
    Ticket(Ticket&& other) noexcept : admission_(std::exchange(other.admission_, nullptr)), source_(other.source_) {}
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket() {
      if (admission_) admission_->release(source_);
    }

   private:
    friend class Admission;
    Ticket(Admission& admission, std::uint64_t source) : admission_(&admission), source_(source) {}
    Admission* admission_;
    std::uint64_t source_;
  };

  explicit Admission(const Limits& limits) : limits_(limits) {}

  // A ticket, or the reason for which there is none.
  struct Decision {
    std::optional<Ticket> ticket;
    DropReason refusal = DropReason::kInFlightLimit;  // meaningful without a ticket
  };
  [[nodiscard]] Decision admit(const greenrt::SocketAddress& source, std::string_view claimed_serial);

  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }

 private:
  // The keys are keyed hashes already.
  struct Identity {
    std::size_t operator()(std::uint64_t hash) const { return hash; }
  };

  void release(std::uint64_t source);

  Limits limits_;
  std::size_t in_flight_ = 0;
  std::unordered_map<std::uint64_t, std::uint32_t, Identity> by_source_;
};

}  // namespace ingest
