// ReplayGuard: what a device that proves itself has sent before, by whatever its protocol offers.
//
//   a number (Decoded::counter)       a window of numbers, see replay_window.h
//   readings (Decoded::readings)      the last time of each series: a datagram none of whose readings is new was here
//                                     before, or is too old
//   nothing                           everything is new
//
// The table `device` keeps a ReplayWindow of it. Of readings that holds only the newest time of all, as seconds << 32 |
// nanoseconds; a guard that is made from it takes for old what is kLatitude older, and the rows have to tell about the
// time between. A reading that is further than kLatitude ahead of the collector's clock is not noted: a device whose
// clock was wrong once would not be heard until then.
//
// Never yields. Throws for memory only.

#pragma once

#include <chrono>
#include <cstdint>

#include "ingest/codec.h"
#include "ingest/replay_window.h"
#include "ingest/series_times.h"

namespace ingest {

class ReplayGuard {
 public:
  using Standing = ReplayWindow::Standing;
  static constexpr std::chrono::hours kLatitude{1};

  [[nodiscard]] Standing standing(const Decoded& decoded) const;
  // Notes that it was seen; `arrival` in microseconds since 1970.
  void mark(const Decoded& decoded, std::int64_t arrival);

  // As the table keeps it.
  [[nodiscard]] const ReplayWindow& window() const { return window_; }
  // Notes all that the table knows of the same device.
  void merge(const ReplayWindow& past);

 private:
  ReplayWindow window_;
  SeriesTimes series_;
};

}  // namespace ingest
