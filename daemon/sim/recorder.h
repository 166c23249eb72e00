// Recorder: takes the datagrams that come to an address and writes them to a capture. Answers nothing.
//
// Needs a running hub from construction on.

#pragma once

#include <cstdint>
#include <optional>

#include "daemon/capture/pcap_writer.h"
#include "greenrt/deadline.h"
#include "greenrt/udp_socket.h"

namespace hilera::sim {

class Recorder {
 public:
  // Binds to `address`. Throws std::system_error.
  Recorder(const greenrt::SocketAddress& address, capture::PcapWriter& writer);

  // Yields, until so many datagrams were written, the deadline, or stop(). What is written is in the file each time
  // that it yields. Throws std::system_error when the file cannot be written.
  void run(std::optional<std::uint64_t> datagrams, greenrt::Deadline deadline);

  // Ends run() and closes the socket. From anywhere in the hub.
  void stop() { socket_.close(); }

  [[nodiscard]] greenrt::SocketAddress address() const { return address_; }
  [[nodiscard]] std::uint64_t captured() const { return captured_; }
  [[nodiscard]] std::uint64_t kernel_drops() const { return socket_.kernel_drops(); }

 private:
  [[nodiscard]] greenrt::SocketAddress destination_of(const greenrt::UdpPath& path) const;

  greenrt::UdpSocket socket_;
  greenrt::SocketAddress address_;
  capture::PcapWriter& writer_;
  std::uint64_t captured_ = 0;
};

}  // namespace hilera::sim
