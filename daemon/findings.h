// Findings: what an operator should know of a running daemon, each with what to do about it.
//
// One of what is wrong now is a problem; one of what was lost or refused since the start is a notice. hileractl and the
// page show the same ones, because both read them from the status document.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/database_monitor.h"
#include "ingest/counters.h"

namespace hilera {

struct Finding {
  enum class Severity : std::uint8_t { kProblem, kNotice };

  Severity severity = Severity::kProblem;
  std::string what;
  std::string advice;
};

// What to do when the database cannot be written, for datagrams dropped for a reason, and for those that found a
// receive buffer full, of a socket that systemd has handed over or of one of our own. Static text.
[[nodiscard]] const char* advice_for(DatabaseTrouble trouble);
[[nodiscard]] const char* advice_for(ingest::DropReason reason);
[[nodiscard]] const char* advice_for_kernel_drops(bool handed_over);

// [{"severity": "problem" or "notice", "what", "advice"}]
[[nodiscard]] nlohmann::json document_of(const std::vector<Finding>& findings);

}  // namespace hilera
