#include "ingest/teltonika_io.h"

#include <algorithm>
#include <array>

namespace ingest::teltonika {
namespace {

constexpr std::array kNames{
    IoName{1, "digital input 1", ""},
    IoName{2, "digital input 2", ""},
    IoName{3, "digital input 3", ""},
    IoName{6, "analog input 2", "mV"},
    IoName{9, "analog input 1", "mV"},
    IoName{11, "ICCID, first part", ""},
    IoName{12, "fuel used, by GPS", "ml"},
    IoName{13, "fuel rate, by GPS", "0.01 l/100 km"},
    IoName{14, "ICCID, second part", ""},
    IoName{16, "odometer, total", "m"},
    IoName{17, "axis x", "mg", 2},
    IoName{18, "axis y", "mg", 2},
    IoName{19, "axis z", "mg", 2},
    IoName{21, "GSM signal", "of 5"},
    IoName{24, "speed", "km/h"},
    IoName{66, "external voltage", "mV"},
    IoName{67, "battery voltage", "mV"},
    IoName{68, "battery current", "mA"},
    IoName{69, "GNSS status", ""},
    IoName{72, "Dallas temperature 1", "0.1 degrees Celsius", 4},
    IoName{73, "Dallas temperature 2", "0.1 degrees Celsius", 4},
    IoName{74, "Dallas temperature 3", "0.1 degrees Celsius", 4},
    IoName{75, "Dallas temperature 4", "0.1 degrees Celsius", 4},
    IoName{78, "iButton", ""},
    IoName{80, "data mode", ""},
    IoName{113, "battery level", "%"},
    IoName{179, "digital output 1", ""},
    IoName{180, "digital output 2", ""},
    IoName{181, "PDOP", "x 0.1"},
    IoName{182, "HDOP", "x 0.1"},
    IoName{199, "odometer, trip", "m"},
    IoName{200, "sleep mode", ""},
    IoName{205, "GSM cell", ""},
    IoName{206, "GSM area", ""},
    IoName{239, "ignition", ""},
    IoName{240, "movement", ""},
    IoName{241, "GSM operator", ""},
    IoName{256, "VIN", ""},
};
static_assert(std::ranges::is_sorted(kNames, {}, &IoName::id));

}  // namespace

std::span<const IoName> io_names() {
  return kNames;
}

const IoName* find_io(std::uint16_t id) {
  const auto found = std::ranges::lower_bound(kNames, id, {}, &IoName::id);
  return found != kNames.end() && found->id == id ? &*found : nullptr;
}

std::string describe_io(std::uint16_t id, std::uint64_t value) {
  const IoName* io = find_io(id);
  if (!io) return {};
  std::string text(io->name);
  text += ": ";
  switch (io->signed_bytes) {
    case 2:
      text += std::to_string(static_cast<std::int16_t>(value));
      break;
    case 4:
      text += std::to_string(static_cast<std::int32_t>(value));
      break;
    default:
      text += std::to_string(value);
  }
  if (!io->unit.empty()) text.append(" ").append(io->unit);
  return text;
}

}  // namespace ingest::teltonika
