// Origin: what is to be known of the listener through which a datagram came when its records are stored.
//
// Apart from the listener itself, because a datagram may be stored when its listener is no more: after a restart with
// another configuration.

#pragma once

#include <string>

namespace ingest {

class Codec;

struct Origin {
  std::string listener;
  const Codec* codec = nullptr;  // lives as long as the program
  bool store_raw = false;        // whether the bytes are kept beside the values (column raw)
  bool guarded = false;          // devices of its codec prove themselves, here or at another listener
};

}  // namespace ingest
