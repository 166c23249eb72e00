// Device: one of the fleet, as far as the content of its frames goes.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "daemon/sim/telemetry.h"

namespace hilera::sim {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

inline WallTime wall_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

struct Device {
  std::size_t index = 0;
  std::string serial;
  Telemetry telemetry;
  std::uint64_t made = 0;  // frames; also the number of the next one
  WallTime last_time{};

  // The device's clock: `now`, or later when it has used that already. So no two records share a time.
  WallTime tick(WallTime now) {
    last_time = std::max(now, last_time + std::chrono::milliseconds(1));
    return last_time;
  }
};

}  // namespace hilera::sim
