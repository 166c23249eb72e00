// The interface of what takes custody of datagrams that carry records. Implemented by the daemon over its journal and
// its database; by tests in memory.

#pragma once

#include <stdexcept>
#include <string>

#include "ingest/counters.h"
#include "ingest/entry.h"

namespace ingest {

// There is no room, or no disk: nothing was taken. The device has no acknowledgement and sends again.
class CustodyRefused : public std::runtime_error {
 public:
  CustodyRefused(DropReason reason, const std::string& detail) : std::runtime_error(detail), reason_(reason) {}
  [[nodiscard]] DropReason reason() const { return reason_; }

 private:
  DropReason reason_;
};

class Custody {
 public:
  virtual ~Custody() = default;

  // Gives the entry its place behind all that were taken before, and moves it through its states from then on. Never
  // yields. Throws CustodyRefused.
  virtual void take(const EntryRef& entry) = 0;

  // Counts a datagram that it has in custody already, and need not be given again. Never yields, never throws.
  virtual void note_repetition(const Entry& entry) noexcept = 0;
};

}  // namespace ingest
