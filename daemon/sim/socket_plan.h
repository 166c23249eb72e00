// SocketPlan: which device sends from which socket, so that a fleet has more than one source address and the devices
// whose turn comes together share one system call.
//
// Devices are dealt out in blocks of 64, round and round; each has a place of its own on its socket. A value.

#pragma once

#include <algorithm>
#include <cstddef>

namespace hilera::sim {

class SocketPlan {
 public:
  static constexpr std::size_t kBlock = 64;
  static constexpr std::size_t kMaxSockets = 64;

  explicit SocketPlan(std::size_t devices) : sockets_(std::clamp<std::size_t>(blocks_of(devices), 1, kMaxSockets)) {
    places_ = (blocks_of(devices) + sockets_ - 1) / sockets_ * kBlock;
  }

  [[nodiscard]] std::size_t sockets() const { return sockets_; }
  // Places on each socket; not all of them need be taken.
  [[nodiscard]] std::size_t places() const { return places_; }

  [[nodiscard]] std::size_t socket_of(std::size_t device) const { return device / kBlock % sockets_; }
  [[nodiscard]] std::size_t place_of(std::size_t device) const {
    return device / (kBlock * sockets_) * kBlock + device % kBlock;
  }
  [[nodiscard]] std::size_t device_at(std::size_t socket, std::size_t place) const {
    return (place / kBlock * sockets_ + socket) * kBlock + place % kBlock;
  }

 private:
  static std::size_t blocks_of(std::size_t devices) { return (devices + kBlock - 1) / kBlock; }

  std::size_t sockets_;
  std::size_t places_;
};

}  // namespace hilera::sim
