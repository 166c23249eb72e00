// Telemetry: what one simulated device measures. It drives about, warms up and cools down, empties its battery, and has
// something to say now and then.
//
// The sequence of readings depends on the seed alone. Does not allocate.

#pragma once

#include <cstdint>
#include <string_view>

#include "daemon/sim/random.h"

namespace hilera::sim {

struct Reading {
  float temperature = 0;         // degrees Celsius, in steps of 0.1
  std::uint16_t supply_mv = 0;   // millivolts
  std::uint16_t battery_mv = 0;  // millivolts
  std::uint32_t pulses = 0;      // of a meter; counts up
  std::uint32_t odometer_m = 0;  // metres
  std::int32_t longitude = 0;    // degrees x 10^7
  std::int32_t latitude = 0;     // degrees x 10^7
  std::int16_t altitude = 0;     // metres
  std::uint16_t angle = 0;       // degrees from north
  std::uint16_t speed = 0;       // km/h
  std::int8_t signal_dbm = 0;
  bool moving = false;
  std::string_view text;  // mostly empty; static, UTF-8
};

class Telemetry {
 public:
  explicit Telemetry(std::uint64_t seed);

  // The next reading, about ten seconds after the last one. Valid until the next call.
  const Reading& next();

 private:
  void drive();

  Random random_;
  Reading reading_;
};

}  // namespace hilera::sim
