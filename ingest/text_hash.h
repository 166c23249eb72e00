// TextHash: keyed_hash() for tables keyed by text, which can be asked for a view of it.

#pragma once

#include <cstddef>
#include <string_view>

#include "ingest/keyed_hash.h"

namespace ingest {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return keyed_hash(as_bytes(text)); }
};

}  // namespace ingest
