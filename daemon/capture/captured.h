// Captured: a UDP datagram out of a file, and the interface of what reads such files.
//
// Two kinds of file: pcap, as tcpdump writes it (pcap_reader.h), and lines of hexadecimal digits (hex_reader.h). Both
// block on the file, and neither yields.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "greenrt/socket_address.h"

namespace hilera::capture {

using Time = std::chrono::sys_time<std::chrono::microseconds>;

struct Captured {
  std::optional<Time> time;  // the last three only of a packet
  std::optional<greenrt::SocketAddress> source;
  std::optional<greenrt::SocketAddress> destination;
  std::vector<std::byte> bytes;
};

// The file is none that can be read, or is damaged: `FILE: what` or `FILE:LINE: what`.
class CaptureError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What a file has besides datagrams that are whole.
struct LeftOut {
  std::uint64_t not_udp = 0;    // packets of other protocols
  std::uint64_t fragments = 0;  // of datagrams that travelled in pieces
  std::uint64_t cut = 0;        // the capture, or its end, has not all of it

  bool operator==(const LeftOut&) const = default;
};

class Reader {
 public:
  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  virtual ~Reader() = default;

  // The next datagram, in the order of the file. False at the end. Throws CaptureError.
  virtual bool next(Captured& captured) = 0;

  // So far.
  [[nodiscard]] const LeftOut& left_out() const { return left_out_; }

 protected:
  LeftOut left_out_;
};

// Of the file of this name, "-" for standard input; its first bytes tell which kind it is. Throws CaptureError.
std::unique_ptr<Reader> open_file(const std::string& path);

}  // namespace hilera::capture
