// PrefixRate: how many datagrams a second are taken from one network, an IPv4 /24 or an IPv6 /64. Off unless asked for:
// a mobile operator puts thousands of devices behind one address.
//
// A token bucket for each network, as the generic cell rate algorithm keeps it (ITU-T I.371, annex A): one time, at
// which the bucket will be full again. The times stand in a table of fixed size, that of a network in one place of each
// of two rows, and the earlier one counts: so a network is held up by others only when both of its places are theirs,
// whatever a flood of forged addresses does.
//
// Never yields; allocates nothing after its options are set. One thread only.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "greenrt/deadline.h"
#include "greenrt/socket_address.h"

namespace ingest {

class PrefixRate {
 public:
  struct Options {
    std::uint32_t per_second = 0;  // datagrams; 0: no limit
    std::uint32_t burst = 1000;    // as many may come at once after a silence; at least 1
  };

  PrefixRate() = default;
  explicit PrefixRate(const Options& options) { set_options(options); }

  // From the next datagram on. Throws for memory only.
  void set_options(const Options& options);

  // Whether one more datagram from there is within its rate; it is counted then.
  [[nodiscard]] bool take(const greenrt::SocketAddress& source, greenrt::Clock::time_point now) {
    return options_.per_second == 0 || take_token(source, now);
  }

 private:
  using Time = greenrt::Clock::time_point;

  static constexpr std::size_t kPlaces = std::size_t{1} << 14;  // in a row

  [[nodiscard]] bool take_token(const greenrt::SocketAddress& source, Time now);

  Options options_;
  std::array<std::vector<Time>, 2> full_again_;  // empty while there is no limit
};

}  // namespace ingest
