#include "ingest/admission.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "ingest/keyed_hash.h"

namespace ingest {
namespace {

constexpr std::size_t kLongestSerial = 127;  // column nserie; what is longer is refused later

std::uint64_t source_key(const greenrt::SocketAddress& source, std::string_view serial) {
  const auto address = source.mapped();
  const std::uint16_t port = source.port();
  serial = serial.substr(0, kLongestSerial);
  std::array<std::byte, sizeof address + sizeof port + kLongestSerial> key;
  std::byte* end = key.data();
  end = std::copy_n(reinterpret_cast<const std::byte*>(address.data()), address.size(), end);
  end = std::copy_n(reinterpret_cast<const std::byte*>(&port), sizeof port, end);
  end = std::copy_n(reinterpret_cast<const std::byte*>(serial.data()), serial.size(), end);
  return keyed_hash({key.data(), end});
}

}  // namespace

Admission::Decision Admission::admit(const greenrt::SocketAddress& source, std::string_view claimed_serial) {
  if (in_flight_ >= limits_.in_flight) return {std::nullopt, DropReason::kInFlightLimit};
  const std::uint64_t key = source_key(source, claimed_serial);
  std::uint32_t& count = by_source_[key];
  if (count >= limits_.in_flight_per_source) return {std::nullopt, DropReason::kSourceLimit};
  ++count;
  ++in_flight_;
  return {Ticket(*this, key)};
}

void Admission::release(std::uint64_t source) {
  --in_flight_;
  const auto entry = by_source_.find(source);
  if (--entry->second == 0) by_source_.erase(entry);
}

}  // namespace ingest
