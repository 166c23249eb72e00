// Where the pipeline tells what an operator should know. Implemented over the daemon's log, which limits the rate.

#pragma once

#include <string_view>

namespace ingest {

class Reporter {
 public:
  virtual ~Reporter() = default;
  // `event` is static text such as "receive_failed"; `detail` may hold text from outside. Never yields, never throws.
  virtual void warn(std::string_view event, std::string_view subject, std::string_view detail) noexcept = 0;
};

}  // namespace ingest
