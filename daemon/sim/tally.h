// Tally: what a run of the simulator counts, and its summary. With acknowledgements, sent = acked + unacked at any
// moment.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/sim/latencies.h"

namespace hilera::sim {

struct Tally {
  std::uint64_t sent = 0;            // distinct frames
  std::uint64_t records = 0;         // in them
  std::uint64_t datagrams = 0;       // every transmission that the kernel took
  std::uint64_t send_failed = 0;     // transmissions that the kernel refused
  std::uint64_t resent = 0;          // transmissions of a frame after its first
  std::uint64_t acked = 0;           // frames
  std::uint64_t unacked = 0;         // frames that wait for their acknowledgement; none without acknowledgements
  std::uint64_t refused = 0;         // of the acknowledged ones: kept aside by the collector, not stored
  std::uint64_t duplicate_acks = 0;  // for frames that had theirs
  std::uint64_t unexpected = 0;      // datagrams received that answer no frame of ours
  std::uint64_t replayed = 0;        // copies of earlier frames, sent by the adversary
  std::uint64_t forged = 0;          // altered copies, sent by the adversary
  std::uint64_t keep_alives = 0;     // transmissions that hold no frame, to stay reachable
  std::uint64_t downlinks = 0;       // frames for a device, which it answered
  Latencies ack_latency;             // from the first transmission
};

// One JSON object in one line.
std::string summary_json(const Tally& tally, std::string_view codec, std::size_t devices,
                         std::chrono::nanoseconds elapsed);

}  // namespace hilera::sim
