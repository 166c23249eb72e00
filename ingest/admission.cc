#include "ingest/admission.h"

#include <algorithm>
#include <cstring>

#include "ingest/keyed_hash.h"

namespace ingest {
namespace {

std::uint64_t source_hash(const greenrt::SocketAddress& source, std::uint64_t serial_hash) {
  const auto address = source.mapped();
  std::array<std::uint64_t, 2> halves;
  static_assert(sizeof halves == sizeof address);
  std::memcpy(halves.data(), address.data(), sizeof halves);
  return mix_keyed(serial_hash + source.port(), halves[0], halves[1]);
}

}  // namespace

Admission::Admission(const Limits& limits) : limits_(limits), rows_(std::make_unique<std::array<Row, 2>>()) {}

std::array<Admission::Counter*, 2> Admission::counters_of(std::uint64_t source) {
  auto& [first, second] = *rows_;
  return {&first[source % kCounters], &second[(source >> 32) % kCounters]};
}

Admission::Decision Admission::admit(const greenrt::SocketAddress& source, std::uint64_t serial_hash) {
  if (in_flight_ >= limits_.in_flight) return {std::nullopt, DropReason::kInFlightLimit};
  const std::uint64_t hash = source_hash(source, serial_hash);
  const auto [first, second] = counters_of(hash);
  if (std::min(*first, *second) >= limits_.in_flight_per_source) return {std::nullopt, DropReason::kSourceLimit};
  ++*first;
  ++*second;
  ++in_flight_;
  return {Ticket(*this, hash)};
}

void Admission::release(std::uint64_t source) {
  for (Counter* counter : counters_of(source))
    --*counter;
  --in_flight_;
}

}  // namespace ingest
