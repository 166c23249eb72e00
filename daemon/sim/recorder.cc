#include "daemon/sim/recorder.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "greenrt/error.h"
#include "greenrt/greenlet.h"

namespace hilera::sim {
namespace {

constexpr std::size_t kReceiveBuffer = 16U << 20;
constexpr std::size_t kBatch = 16;
constexpr std::size_t kLongestDatagram = 65535;

}  // namespace

Recorder::Recorder(const greenrt::SocketAddress& address, capture::PcapWriter& writer)
    : socket_(greenrt::UdpSocket::bind(address, {.receive_buffer = kReceiveBuffer})),
      address_(socket_.local_address()),
      writer_(writer) {}

void Recorder::run(std::optional<std::uint64_t> datagrams, greenrt::Deadline deadline) {
  greenrt::ReceiveBatch batch(kBatch, kLongestDatagram);
  try {
    while ((!datagrams || captured_ < *datagrams) && socket_.receive(batch, deadline)) {
      const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
      const std::uint64_t wanted = datagrams ? *datagrams - captured_ : batch.size();
      for (std::size_t i = 0; i < std::min<std::uint64_t>(wanted, batch.size()); ++i) {
        const greenrt::UdpPath path = batch.path(i);
        writer_.add(now, path.peer, destination_of(path), batch.bytes(i));
        ++captured_;
      }
      writer_.flush();
      if (deadline.expired()) return;
      greenrt::yield();
    }
  } catch (const greenrt::Closed&) {
    return;
  }
}

// The address that the sender used, where the socket is bound to all of them.
greenrt::SocketAddress Recorder::destination_of(const greenrt::UdpPath& path) const {
  if (!address_.is_unspecified()) return address_;
  auto destination = *greenrt::SocketAddress::parse("::", address_.port());
  std::memcpy(&reinterpret_cast<sockaddr_in6*>(destination.raw())->sin6_addr, path.local.data(), path.local.size());
  return destination;
}

}  // namespace hilera::sim
