#include "daemon/sim/telemetry.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <numbers>

namespace hilera::sim {
namespace {

constexpr std::chrono::duration<double> kInterval = std::chrono::seconds(10);
constexpr int kReadingsPerText = 50;
constexpr std::uint16_t kEmptyBattery = 3300;
constexpr std::uint16_t kFullBattery = 4150;

constexpr std::array<std::string_view, 8> kTexts = {
    "door opened", "door closed", "señal débil", "motor an", "power lost", "power back", "vibration", "batería baja",
};

template <typename T>
T stepped(T value, int step, int low, int high) {
  return static_cast<T>(std::clamp(static_cast<int>(value) + step, low, high));
}

}  // namespace

Telemetry::Telemetry(std::uint64_t seed) : random_(seed) {
  reading_.temperature = static_cast<float>(random_.between(-50, 300)) / 10;
  reading_.supply_mv = static_cast<std::uint16_t>(random_.between(11800, 14200));
  reading_.battery_mv = static_cast<std::uint16_t>(random_.between(3700, kFullBattery));
  reading_.pulses = static_cast<std::uint32_t>(random_.between(0, 1'000'000));
  reading_.odometer_m = static_cast<std::uint32_t>(random_.between(0, 200'000'000));
  reading_.longitude = random_.between(-80'000'000, 30'000'000);
  reading_.latitude = random_.between(360'000'000, 435'000'000);
  reading_.altitude = static_cast<std::int16_t>(random_.between(0, 1500));
  reading_.angle = static_cast<std::uint16_t>(random_.between(0, 359));
  reading_.signal_dbm = static_cast<std::int8_t>(random_.between(-100, -60));
  reading_.moving = random_.one_in(2);
}

const Reading& Telemetry::next() {
  reading_.temperature = static_cast<float>(std::lround(reading_.temperature * 10) + random_.between(-2, 2)) / 10;
  reading_.temperature = std::clamp(reading_.temperature, -40.0f, 85.0f);
  reading_.supply_mv = stepped(reading_.supply_mv, random_.between(-30, 30), 11000, 14800);
  reading_.battery_mv = reading_.battery_mv <= kEmptyBattery
                            ? kFullBattery
                            : static_cast<std::uint16_t>(reading_.battery_mv - random_.between(0, 2));
  reading_.pulses += static_cast<std::uint32_t>(random_.between(0, 12));
  reading_.signal_dbm = stepped(reading_.signal_dbm, random_.between(-3, 3), -113, -51);
  reading_.text = {};
  if (random_.one_in(kReadingsPerText)) {
    reading_.text = kTexts[static_cast<std::size_t>(random_.between(0, static_cast<int>(kTexts.size()) - 1))];
  }
  drive();
  return reading_;
}

void Telemetry::drive() {
  if (random_.one_in(40)) reading_.moving = !reading_.moving;
  if (!reading_.moving) {
    reading_.speed = 0;
    return;
  }
  reading_.speed = stepped(reading_.speed, random_.between(-6, 8), 5, 120);
  reading_.angle = static_cast<std::uint16_t>((reading_.angle + random_.between(345, 375)) % 360);
  reading_.altitude = stepped(reading_.altitude, random_.between(-3, 3), 0, 3000);

  constexpr double kMetresPerDegree = 111'320;
  const double metres = reading_.speed / 3.6 * kInterval.count();
  const double heading = reading_.angle * std::numbers::pi / 180;
  const double units = metres / kMetresPerDegree * 1e7;
  reading_.odometer_m += static_cast<std::uint32_t>(metres);
  reading_.latitude += static_cast<std::int32_t>(units * std::cos(heading));
  reading_.longitude += static_cast<std::int32_t>(units * std::sin(heading));
  reading_.latitude = std::clamp(reading_.latitude, -850'000'000, 850'000'000);
  reading_.longitude = std::clamp(reading_.longitude, -1'800'000'000, 1'800'000'000);
}

}  // namespace hilera::sim
