// The two identities that hold at any moment (DESIGN.md, promise 3): nothing disappears without a counter.
//
// A Ledger is a copy of the counters at one moment, taken without a yield in between by whoever owns them.

#pragma once

#include <cstdint>
#include <string>

namespace hilera {

// In datagrams: received = accepted + control + rejected + dropped + in_flight.
struct IntakeLedger {
  std::uint64_t received = 0;
  std::uint64_t accepted = 0;
  std::uint64_t control = 0;
  std::uint64_t rejected = 0;
  std::uint64_t dropped = 0;
  std::uint64_t in_flight = 0;

  [[nodiscard]] std::uint64_t accounted() const { return accepted + control + rejected + dropped + in_flight; }
  [[nodiscard]] bool balanced() const { return received == accounted(); }
};

// In records: found_at_start + accepted = stored + duplicate + dead_lettered + quarantined + pending.
struct StoreLedger {
  std::uint64_t found_at_start = 0;
  std::uint64_t accepted = 0;
  std::uint64_t stored = 0;
  std::uint64_t duplicate = 0;
  std::uint64_t dead_lettered = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t pending = 0;

  [[nodiscard]] std::uint64_t entered() const { return found_at_start + accepted; }
  [[nodiscard]] std::uint64_t accounted() const { return stored + duplicate + dead_lettered + quarantined + pending; }
  [[nodiscard]] bool balanced() const { return entered() == accounted(); }
};

struct Ledger {
  IntakeLedger intake;
  StoreLedger store;

  [[nodiscard]] bool balanced() const { return intake.balanced() && store.balanced(); }

  // {"intake":{"received":..,..},"store":{..},"balanced":true}, as in /status.
  [[nodiscard]] std::string json() const;
};

}  // namespace hilera
