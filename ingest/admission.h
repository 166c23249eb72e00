// Admission: the limits that a datagram passes before anything is created for it.
//
// Bounds the datagrams in flight in all, and those of one (source address and port, claimed serial), so that a device
// that floods is shed before its neighbours are. A Ticket stands for one datagram in flight.
//
// Sources are counted in a table of fixed size, each in one counter of each of two rows; the smaller one counts (a
// count-min sketch: Cormode and Muthukrishnan, 2005). So a source never gets more than its limit, whatever a flood of
// forged addresses does, and gets less only when both of its counters are filled by others. There are at least eight
// times as many counters in a row as sources that can be at their limit, and at least 2^14: with 300 sources at their
// limit, one other source in 3 000 meets two of them; in the worst case, with all that can be, one in 64.
//
// Never yields, allocates nothing. One thread only.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

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

  explicit Admission(const Limits& limits);

  // A ticket, or the reason for which there is none.
  struct Decision {
    std::optional<Ticket> ticket;
    DropReason refusal = DropReason::kInFlightLimit;  // meaningful without a ticket
  };
  // `serial_hash` is the keyed_hash() of the claimed serial.
  [[nodiscard]] Decision admit(const greenrt::SocketAddress& source, std::uint64_t serial_hash);

  // From the next datagram on. The table keeps its size, which is that of the first limits.
  void set_limits(const Limits& limits) { limits_ = limits; }

  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }

 private:
  using Counter = std::uint32_t;

  // The counters of a source, whose hash gives 32 bits to each row.
  [[nodiscard]] std::array<Counter*, 2> counters_of(std::uint64_t source);
  void release(std::uint64_t source);

  Limits limits_;
  std::size_t in_flight_ = 0;
  std::size_t counters_;  // in a row; a power of two
  std::array<std::vector<Counter>, 2> rows_;
};

}  // namespace ingest
