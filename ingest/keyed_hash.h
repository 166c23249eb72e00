// SipHash-2-4 under a key that is drawn at random when the process starts: for tables keyed by what comes from outside,
// so that nobody can choose inputs that collide. Never stored, never the same in two processes.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ingest/bytes.h"

namespace ingest {

[[nodiscard]] std::uint64_t keyed_hash(Bytes bytes);

// For std::unordered_map with std::string keys, looked up by std::string_view.
struct KeyedStringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return keyed_hash(as_bytes(text)); }
};

}  // namespace ingest
