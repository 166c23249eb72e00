#include "ingest/prefix_rate.h"

#include <algorithm>
#include <cstring>

#include "ingest/keyed_hash.h"

namespace ingest {
namespace {

// Before an IPv4 address that is mapped to IPv6: RFC 4291 section 2.5.5.2.
constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr std::size_t kNetworkBytes4 = kMapped.size() + 3;
constexpr std::size_t kNetworkBytes6 = 8;

std::uint64_t network_hash(const greenrt::SocketAddress& source) {
  auto address = source.mapped();
  const std::size_t kept = std::equal(kMapped.begin(), kMapped.end(), address.begin()) ? kNetworkBytes4 : kNetworkBytes6;
  std::fill(address.begin() + static_cast<std::ptrdiff_t>(kept), address.end(), std::uint8_t{0});
  std::array<std::uint64_t, 2> halves;
  static_assert(sizeof halves == sizeof address);
  std::memcpy(halves.data(), address.data(), sizeof halves);
  return mix_keyed(0, halves[0], halves[1]);
}

}  // namespace

void PrefixRate::set_options(const Options& options) {
  options_ = options;
  for (auto& row : full_again_)
    row.resize(options.per_second == 0 ? 0 : kPlaces);
}

bool PrefixRate::take_token(const greenrt::SocketAddress& source, Time now) {
  const greenrt::Duration interval = greenrt::Duration(std::chrono::seconds(1)) / options_.per_second;
  const std::uint64_t hash = network_hash(source);
  Time& first = full_again_[0][hash % kPlaces];
  Time& second = full_again_[1][(hash >> 32) % kPlaces];
  if (std::min(first, second) > now + interval * (options_.burst - 1)) return false;
  for (Time* time : {&first, &second})
    *time = std::max(*time, now) + interval;
  return true;
}

}  // namespace ingest
