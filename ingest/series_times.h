// SeriesTimes: for each series of a device the time of its last reading, so that a protocol that numbers nothing can
// tell what is new: of one series each reading is later than the one before.
//
// A series that is not known has its last reading at the floor: nothing before it is known to be new. Bounded: when
// there are kMost series, those that were silent longest are forgotten, at most half of them, which raises the floor to
// just below the first of the others. Where more than half have one time, nobody is forgotten for a new one, whose
// readings then stay new: the rows have to tell.
//
// Never yields. Throws for memory only.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace ingest {

// One measurement of a series.
struct Reading {
  std::uint64_t series = 0;         // keyed_hash() of what it is called within its device
  std::chrono::nanoseconds time{};  // since 1970
};

class SeriesTimes {
 public:
  static constexpr std::size_t kMost = 8192;

  // Of the last reading of a series.
  [[nodiscard]] std::chrono::nanoseconds last(std::uint64_t series) const;

  // Notes that a reading was seen. One that is not new changes nothing.
  void mark(const Reading& reading);

  void raise_floor(std::chrono::nanoseconds time);

  [[nodiscard]] std::size_t size() const { return last_.size(); }

 private:
  void forget_older_half();

  std::unordered_map<std::uint64_t, std::chrono::nanoseconds> last_;
  std::chrono::nanoseconds floor_ = std::chrono::nanoseconds::min();
};

}  // namespace ingest
