// SipHash-2-4 under a key that is drawn at random when the process starts: for tables keyed by what comes from outside,
// so that nobody can choose inputs that collide. Never stored, never the same in two processes.

#pragma once

#include <cstddef>
#include <cstdint>

#include "ingest/bytes.h"

namespace ingest {

[[nodiscard]] std::uint64_t keyed_hash(Bytes bytes);

// A hash of a keyed hash and two more numbers, by multiplication with secrets of the process (multilinear hashing:
// Carter and Wegman, Universal classes of hash functions, 1979), and then scattered (the finalizer of SplitMix64:
// Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014). For what is added to a serial that is
// hashed already.
[[nodiscard]] std::uint64_t mix_keyed(std::uint64_t hash, std::uint64_t first, std::uint64_t second);

}  // namespace ingest
