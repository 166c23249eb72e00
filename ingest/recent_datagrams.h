// RecentDatagrams: which datagrams are on their way into custody, or were acknowledged a short time ago, so that one
// that is sent again costs no second place in the journal. Devices send again what is not acknowledged in time, and do
// it most when the collector has least to spare.
//
// Equal bytes make equal records under equal keys, in every codec, so an answer from here is the one that the database
// would give. A table of fixed size (4 MiB) with one place for each fingerprint: what is not found is taken as new, and
// found out by the database.
//
// Never yields, allocates nothing after its construction, never throws. One thread only.

#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "ingest/bytes.h"
#include "ingest/codec.h"

namespace ingest {

class RecentDatagrams {
 public:
  enum class Standing : std::uint8_t {
    kNew,
    kUnderWay,  // the same bytes are on their way, and will be answered
    kKept,      // they are in custody, and were answered
  };

  // Of all bytes, under a key of the process.
  using Fingerprint = std::uint64_t;
  [[nodiscard]] static Fingerprint fingerprint(const Codec& codec, Bytes datagram);

  RecentDatagrams() : places_(kPlaces) {}

  [[nodiscard]] Standing standing(Fingerprint fingerprint) const;

  // That a datagram is on its way. Forgets it at its end, unless it is kept.
  class Way {
   public:
    Way() = default;  // of one that nobody will send again
    Way(RecentDatagrams& recent, Fingerprint fingerprint);
    ~Way();
    Way(Way&& other) noexcept : recent_(std::exchange(other.recent_, nullptr)), fingerprint_(other.fingerprint_) {}
    Way& operator=(Way&&) = delete;

    void keep();

   private:
    RecentDatagrams* recent_ = nullptr;
    Fingerprint fingerprint_ = 0;
  };

 private:
  static constexpr std::size_t kPlaces = std::size_t{1} << 19;
  static constexpr Fingerprint kKeptBit = 1;

  [[nodiscard]] static std::size_t place_of(Fingerprint fingerprint) { return (fingerprint >> 1) % kPlaces; }

  std::vector<Fingerprint> places_;  // with kKeptBit or without; 0: free
};

}  // namespace ingest
