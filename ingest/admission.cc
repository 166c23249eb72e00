#include "ingest/admission.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "ingest/keyed_hash.h"

namespace ingest {
namespace {

constexpr std::size_t kFewestCounters = std::size_t{1} << 14;

std::uint64_t source_hash(const greenrt::SocketAddress& source, std::uint64_t serial_hash) {
  const auto address = source.mapped();
  std::array<std::uint64_t, 2> halves;
  static_assert(sizeof halves == sizeof address);
  std::memcpy(halves.data(), address.data(), sizeof halves);
  return mix_keyed(serial_hash + source.port(), halves[0], halves[1]);
}

}  // namespace

Admission::Admission(const Limits& limits)
    : limits_(limits),
      counters_(std::bit_ceil(std::max(kFewestCounters, 8 * limits.in_flight / limits.in_flight_per_source))),
      rows_{std::vector<Counter>(counters_), std::vector<Counter>(counters_)} {}

std::array<Admission::Counter*, 2> Admission::counters_of(std::uint64_t source) {
  const std::size_t mask = counters_ - 1;
  return {&rows_[0][source & mask], &rows_[1][(source >> 32) & mask]};
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
