// PcapWriter: writes datagrams to a file in the format pcap, which tcpdump, Wireshark and PcapReader read.
//
// Blocks on the file. Throws std::system_error when it cannot be written.

#pragma once

#include <cstddef>
#include <fstream>
#include <string>

#include "daemon/capture/captured.h"
#include "ingest/bytes.h"

namespace hilera::capture {

class PcapWriter {
 public:
  // An existing file is replaced.
  explicit PcapWriter(std::string path);

  void add(Time time, const greenrt::SocketAddress& source, const greenrt::SocketAddress& destination,
           ingest::Bytes datagram);

  // Hands what was added to the kernel.
  void flush();

 private:
  void check();

  std::string path_;
  std::ofstream out_;
};

}  // namespace hilera::capture
