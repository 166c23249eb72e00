#include "daemon/ledger.h"

#include <nlohmann/json.hpp>

namespace hilera {

std::string Ledger::json() const {
  const nlohmann::ordered_json value{
      {"intake",
       {{"received", intake.received},
        {"accepted", intake.accepted},
        {"control", intake.control},
        {"rejected", intake.rejected},
        {"dropped", intake.dropped},
        {"in_flight", intake.in_flight}}},
      {"store",
       {{"found_at_start", store.found_at_start},
        {"accepted", store.accepted},
        {"stored", store.stored},
        {"duplicate", store.duplicate},
        {"dead_lettered", store.dead_lettered},
        {"quarantined", store.quarantined},
        {"pending", store.pending}}},
      {"balanced", balanced()},
  };
  return value.dump();
}

}  // namespace hilera
