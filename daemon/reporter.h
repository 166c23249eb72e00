// LogReporter: what the pipeline reports, as rate-limited lines of the log.

#pragma once

#include "daemon/logging.h"
#include "ingest/reporter.h"

namespace hilera {

class LogReporter final : public ingest::Reporter {
 public:
  void warn(std::string_view event, std::string_view subject, std::string_view detail) noexcept override {
    log::write_limited(LogLevel::kWarning, event, {{"subject", subject}, {"detail", detail}});
  }
};

}  // namespace hilera
