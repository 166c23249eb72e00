// DeviceTable: where each device was last heard. Bounded: the device that was heard longest ago is forgotten first.
//
// Written by frames whose records are in custody, and by those without any; read by the transmitter. Never yields. One
// thread only.

#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "greenrt/udp_socket.h"
#include "ingest/keyed_hash.h"

namespace ingest {

class Listener;

class DeviceTable {
 public:
  struct Device {
    std::string nserie;
    Listener* listener = nullptr;  // that heard it last; lives as long as the table
    greenrt::UdpPath path;
    std::int64_t last_arrival = 0;  // microseconds since 1970
  };

  explicit DeviceTable(std::size_t max_devices) : max_devices_(max_devices) {}

  // Notes that a datagram of `nserie` came over `path`. An earlier arrival than the noted one changes nothing.
  void heard(std::string_view nserie, Listener& listener, const greenrt::UdpPath& path, std::int64_t arrival);

  // nullptr when it was not heard, or is forgotten. Valid until the next call of heard().
  [[nodiscard]] const Device* find(std::string_view nserie) const;

  [[nodiscard]] std::size_t size() const { return by_serial_.size(); }

 private:
  using Order = std::list<Device>;  // last heard in front

  std::size_t max_devices_;
  Order order_;
  std::unordered_map<std::string_view, Order::iterator, KeyedStringHash, std::equal_to<>> by_serial_;
};

}  // namespace ingest
