// What a shard does when a batch could not be written: one line for each class of db::Error.
//
// Nothing is ever given up: each remedy ends with another attempt at the same records.

#pragma once

#include <chrono>
#include <cstdint>

#include "db/error.h"

namespace hilera {

struct Remedy {
  std::uint32_t attempts_at_once = 0;  // before the first pause
  std::chrono::milliseconds first_pause{10};
  std::chrono::milliseconds longest_pause{1000};  // the pause doubles up to it
  bool smaller_statements = false;                // half as many bytes in one
  bool alarm = false;                             // somebody has to look
};

[[nodiscard]] const Remedy& remedy_for(db::ErrorClass error_class);

}  // namespace hilera
