// What the pipeline counts: plain integers on the hub's thread, read by the metrics and by the ledger.
//
// The intake identity holds whenever nobody is in the middle of a step, that is at every yield:
//   received = accepted + control + rejected + dropped + in_flight, in datagrams.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "greenrt/histogram.h"

namespace ingest {

// Why a well-received datagram went no further. Its device may send it again: it was not acknowledged.
enum class DropReason : std::uint8_t {
  kInFlightLimit,  // pipeline.max_in_flight
  kSourceLimit,    // pipeline.max_in_flight_per_source
  kDeviceLimit,    // pipeline.max_in_flight_per_device
  kPrefixRate,     // prefix_rate of its listener
  kUnderWay,       // the same datagram is on its way into custody already, and will be acknowledged
  kGreenletLimit,  // greenlets.max
  kStranger,       // the receive buffer is filling up, and this device was not heard at this address before
  kJournalBusy,    // the journal takes less than what comes
  kJournalFull,    // journal.max_size, or the disk is full
  kJournalFailed,  // the disk fails
  kOutOfMemory,
  kShutdown,       // the drain's time was over
  kInternalError,  // reported as frame_failed
};
inline constexpr std::array<std::string_view, 13> kDropReasonNames{
    "in_flight_limit", "source_limit", "device_limit", "prefix_rate",    "under_way",     "greenlet_limit", "stranger",
    "journal_busy",    "journal_full", "journal_failed", "out_of_memory", "shutdown",      "internal_error"};

// Counts by reason, the reasons known beforehand.
class ReasonCounter {
 public:
  explicit ReasonCounter(std::span<const std::string_view> reasons) {
    for (const std::string_view reason : reasons)
      counts_.emplace_back(reason, 0);
  }

  // A reason that was not announced gets a place of its own.
  void add(std::string_view reason) {
    const auto known = std::find_if(counts_.begin(), counts_.end(), [&](const auto& c) { return c.first == reason; });
    if (known != counts_.end()) {
      ++known->second;
    } else {
      counts_.emplace_back(reason, 1);
    }
  }

  [[nodiscard]] const std::vector<std::pair<std::string_view, std::uint64_t>>& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t total() const {
    return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const auto& count) { return sum + count.second; });
  }

 private:
  std::vector<std::pair<std::string_view, std::uint64_t>> counts_;
};

// Of one listener, in datagrams.
struct ListenerCounters {
  explicit ListenerCounters(std::span<const std::string_view> reasons) : rejected(reasons) {}

  std::uint64_t received = 0;
  std::uint64_t accepted = 0;  // its records are in custody
  std::uint64_t control = 0;   // carried nothing to store
  ReasonCounter rejected;
  std::uint64_t dropped = 0;         // for whatever reason
  std::uint64_t receive_errors = 0;  // calls, not datagrams
  std::uint64_t acks_sent = 0;
  std::uint64_t replies_failed = 0;  // acks and downlinks that the kernel refused
  std::uint64_t replies_sent = 0;    // acks and downlinks
};

// Of the whole pipeline.
struct PipelineCounters {
  std::array<std::uint64_t, kDropReasonNames.size()> dropped{};  // datagrams, by DropReason
  std::uint64_t in_flight = 0;                                   // datagrams that have a greenlet
  std::uint64_t ended = 0;                                       // datagrams whose greenlet has ended
  std::uint64_t acks_withheld = 0;  // datagrams that are in custody, but were not stored in time for their ack
  greenrt::Histogram ack_seconds = greenrt::Histogram::latency();  // from arrival to the ack's hand-over

  void drop(DropReason reason) { ++dropped[static_cast<std::size_t>(reason)]; }
  [[nodiscard]] std::uint64_t dropped_total() const {
    return std::accumulate(dropped.begin(), dropped.end(), std::uint64_t{0});
  }
};

}  // namespace ingest
