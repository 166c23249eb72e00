// Durations and sizes as a person writes them in the configuration: `250ms`, `16MiB`.
//
// A value is a whole number directly followed by its unit; a number without a unit is refused, because nobody can tell
// later what was meant. The units are ms, s, min, h, d and B, KiB, MiB, GiB, TiB. Formatting picks the largest unit
// that divides the value, so that what was formatted parses back to the same value. Nothing here throws.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hilera {

// None when the text is not a duration, is negative, or does not fit.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
std::string format_duration(std::chrono::milliseconds duration);

// None when the text is not a size in bytes, is negative, or does not fit.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
std::string format_bytes(std::uint64_t bytes);

}  // namespace hilera
