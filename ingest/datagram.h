// Datagram: what arrived, with all that is known of it before it is decoded.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "greenrt/deadline.h"
#include "greenrt/udp_socket.h"

namespace ingest {

class Listener;
struct Origin;

struct Datagram {
  const Origin* origin = nullptr;  // lives longer than every datagram
  Listener* listener = nullptr;    // the same; none for a datagram that was read back from the journal
  std::int64_t arrival = 0;        // the stamp: microseconds since 1970, see arrival_clock.h
  greenrt::Clock::time_point received;
  greenrt::UdpPath path;
  std::vector<std::byte> bytes;
};

}  // namespace ingest
