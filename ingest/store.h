// The interface of what takes custody of records. Implemented by the daemon over MariaDB; by tests in memory.

#pragma once

#include <cstdint>
#include <stdexcept>

#include "greenrt/deadline.h"
#include "ingest/codec.h"
#include "ingest/datagram.h"

namespace ingest {

// The records could not be made durable in time. Whether some of them are stored all the same is unknown; the device
// has no acknowledgement and sends them again, and the store tells them apart then.
class StoreUnavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// How the records of one datagram ended. Their sum is the number of records.
struct StoreResult {
  std::uint32_t stored = 0;
  std::uint32_t duplicate = 0;      // had been stored before, with the same content
  std::uint32_t dead_lettered = 0;  // refused by the database, or in conflict; kept with the datagram's bytes

  [[nodiscard]] AckStatus ack_status() const {
    if (stored > 0) return AckStatus::kStored;
    return duplicate > 0 ? AckStatus::kDuplicate : AckStatus::kRefused;
  }
};

class Store {
 public:
  virtual ~Store() = default;

  // Yields until all records of the datagram are durable, all or none. Throws StoreUnavailable at the deadline.
  // Cancelled: passes the exception on; the outcome is unknown then, too.
  virtual StoreResult store(const Datagram& datagram, const Decoded& decoded, greenrt::Deadline deadline) = 0;
};

}  // namespace ingest
