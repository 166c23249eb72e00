// Transmitter: the greenlet that sends queued downlink frames to devices.
//
// Goes through all that is due, batch by batch, and waits for the poll interval at the end of each pass. The attempt is
// noted durably before the frame is sent, so that a crash between the two leaves an attempt of unknown outcome, never a
// frame that was sent twice without anybody knowing. Sends from the socket that heard the device last, to the address
// from which it was heard. A device that has not been heard keeps its downlinks queued, and holds up nobody else's.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "greenrt/deadline.h"
#include "ingest/device_table.h"
#include "ingest/downlink_source.h"
#include "ingest/reporter.h"

namespace ingest {

struct TransmitterOptions {
  greenrt::Duration poll_interval = std::chrono::milliseconds(250);
  std::size_t batch = 100;  // downlinks a look at the source
};

struct TransmitterCounters {
  std::uint64_t sent = 0;
  std::uint64_t failed = 0;
  std::uint64_t source_errors = 0;
};

class Transmitter {
 public:
  // All of them must outlive it.
  Transmitter(const TransmitterOptions& options, DownlinkSource& source, const DeviceTable& devices,
              Reporter& reporter);

  // Transmits until it is killed.
  [[noreturn]] void run();

  // One look at the source: how many downlinks it gave. Fewer than a batch mean the end of the pass. Throws what the
  // source throws.
  std::size_t poll();

  [[nodiscard]] const TransmitterCounters& counters() const { return counters_; }

 private:
  void transmit(const Downlink& downlink);
  void fail(const Downlink& downlink, std::string_view error, bool retry);

  TransmitterOptions options_;
  DownlinkSource& source_;
  const DeviceTable& devices_;
  Reporter& reporter_;
  TransmitterCounters counters_;
};

}  // namespace ingest
