// The clocks of gateways, in milliseconds since 1970-01-01 UTC. None for what is no time, or cannot be a device's (see
// usable_device_time() in frame_id.h). Pure, never throws, independent of the locale.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ingest::semtech {

// "2013-03-31T16:21:17.528002Z", with an offset instead of the Z, or "2014-01-12 08:59:28 GMT".
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view text);

// From milliseconds of GPS time, since 1980-01-06, with the 18 leap seconds that are in force since 2017.
[[nodiscard]] std::optional<std::int64_t> from_gps_time(std::uint64_t milliseconds_of_gps);

}  // namespace ingest::semtech
