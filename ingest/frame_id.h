// What identifies a record in storage when nothing on the wire proves who sent it: `frame_id`, a part of the primary
// key, and `digest`, which tells a retransmission from another record under the same key.
//
//   with a device time     frame_id = time in ms << 20 | 20 bits of the content's hash
//   without a usable one   frame_id = 1 << 63          | 63 bits of the content's hash
//
// A device's records so lie in the order of their time. A time has fewer than 43 bits (the year 2248), so that the two
// forms never meet; the second one keeps a device without a clock from crowding its records into 20 bits. Nothing here
// depends on a counter: a device that forgot its own, or a forger, cannot make other data look old.
//
// Both come from one hash of the content, BLAKE2b-128 without a key: 64 bits are the digest, the others serve the
// frame_id. Without a key because the values are stored, and must be the same on every collector and after every
// restart; BLAKE2b and not SipHash because under a published key anyone can compute a second content of the same
// SipHash, and place it before the real one, which would then be called a duplicate and be lost. Here that needs about
// 2^84 tries. nserie and codec are parts of the primary key, and are not hashed.
//
// Codec `collectd` divides the bits otherwise, and gives its records their keys itself: see collectd_codec.h.
//
// Pure; never throws. sodium_init() beforehand makes it faster and changes no result.

#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "ingest/bytes.h"
#include "ingest/codec.h"

namespace ingest {

struct RecordKey {
  std::uint64_t frame_id = 0;
  std::uint64_t digest = 0;  // as stored: big-endian
};

// A device's clock in milliseconds since 1970, if it can be one: none for 0 (no clock) and from 2^43 on.
[[nodiscard]] std::optional<std::int64_t> usable_device_time(std::uint64_t milliseconds);

// `device_time` is what usable_device_time() returned. `context`, of the same size for all records of a codec, is
// hashed before the content: for a codec whose content alone does not tell two records from one that came twice.
[[nodiscard]] RecordKey content_key(std::optional<std::int64_t> device_time, Bytes content, Bytes context = {});

// Gives each record that has none yet its digest, and its frame_id unless the codec has set it. Idempotent.
void identify(std::span<Record> records);

}  // namespace ingest
