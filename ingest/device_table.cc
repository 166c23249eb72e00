#include "ingest/device_table.h"

namespace ingest {

void DeviceTable::heard(std::string_view nserie, Listener& listener, const greenrt::UdpPath& path,
                        std::int64_t arrival) {
  const auto known = by_serial_.find(nserie);
  if (known != by_serial_.end()) {
    Device& device = *known->second;
    if (arrival < device.last_arrival) return;
    device.listener = &listener;
    device.path = path;
    device.last_arrival = arrival;
    order_.splice(order_.begin(), order_, known->second);
    return;
  }
  if (max_devices_ == 0) return;
  if (by_serial_.size() >= max_devices_) {
    by_serial_.erase(order_.back().nserie);
    order_.pop_back();
  }
  Order fresh;
  fresh.push_front({std::string(nserie), &listener, path, arrival});
  by_serial_.emplace(fresh.front().nserie, fresh.begin());
  order_.splice(order_.begin(), fresh);
}

const DeviceTable::Device* DeviceTable::find(std::string_view nserie) const {
  const auto known = by_serial_.find(nserie);
  return known == by_serial_.end() ? nullptr : &*known->second;
}

}  // namespace ingest
