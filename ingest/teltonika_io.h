// What the numbers of Teltonika's IO elements mean that most models share: their names, units and signs are not on the
// wire, but in the lists of the maker (wiki.teltonika-gps.com, "Data Sending Parameters ID"). For people who read a
// record; what is stored has the numbers, since a model may use them otherwise.
//
// Pure; never throws.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ingest::teltonika {

struct IoName {
  std::uint16_t id;
  std::string_view name;
  std::string_view unit;          // empty: none
  std::uint8_t signed_bytes = 0;  // the width of a value with a sign; 0: it has none
};

// By id.
[[nodiscard]] std::span<const IoName> io_names();

// nullptr: not one of them.
[[nodiscard]] const IoName* find_io(std::uint16_t id);

// As it is stored, a number without a sign: "external voltage: 23996 mV". Empty for an id that is not known.
[[nodiscard]] std::string describe_io(std::uint16_t id, std::uint64_t value);

}  // namespace ingest::teltonika
