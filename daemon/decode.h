// What would become of the datagrams of a file, written for a person who looks for a fault of a device: hilerad
// --decode.
//
// Each is decoded and vetted by the code that the daemon runs, with the codec, the keys and the policy of a listener;
// what follows from the datagrams before it (repetitions, a device that has proved itself) is told from those in the
// file, and an address that a device is pinned to is not looked at. Nothing is stored, sent or changed. Blocks on the
// file, and never yields.

#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "daemon/config.h"

namespace hilera {

struct DecodeTally {
  std::uint64_t datagrams = 0;
  std::uint64_t accepted = 0;  // with `records`
  std::uint64_t records = 0;
  std::uint64_t repeated = 0;
  std::uint64_t control = 0;
  std::uint64_t rejected = 0;
  std::uint64_t to_nobody = 0;  // packets whose port is that of no listener

  bool operator==(const DecodeTally&) const = default;
};

// `file` as for capture::open_file(). A packet is for the listener whose port it was sent to; what has no port, and
// every packet when there is only one listener without a port (0), is for the only one. Throws capture::CaptureError
// when the file cannot be read or has to be divided among several listeners and tells nothing to do it by, and
// TrustFileError.
DecodeTally decode_file(const std::string& file, const std::vector<ListenerConfig>& listeners, std::ostream& out);

}  // namespace hilera
