// Vetting: whether a datagram that decode() has taken is believed, and whether its number has been here before.
//
// In this order, the cheap ones first: the device may send here at all; the number of a tagged datagram is not too old;
// the tag is right. Without a tag: none is required, the device has not proved itself before, and it is where it was
// heard last, if it is pinned. Nobody answers what is refused.
//
// Never yields, never throws. One thread only.

#pragma once

#include <string_view>

#include "ingest/codec.h"
#include "ingest/datagram.h"
#include "ingest/device_table.h"
#include "ingest/trust.h"

namespace ingest {

struct Vetted {
  std::string_view refusal;  // see trust.h; empty: it is believed
  bool number_used = false;  // believed, and its number, or the times of its readings, were here before: a repetition,
                             // unless its content is another one
};

// Sets what `decoded` proves.
[[nodiscard]] Vetted vet(const Trust& trust, const Codec& codec, const Datagram& datagram, Decoded& decoded,
                         const Device& device);

}  // namespace ingest
