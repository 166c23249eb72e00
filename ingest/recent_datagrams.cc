#include "ingest/recent_datagrams.h"

#include "ingest/keyed_hash.h"

namespace ingest {

RecentDatagrams::Fingerprint RecentDatagrams::fingerprint(const Codec& codec, Bytes datagram) {
  return mix_keyed(keyed_hash(datagram), reinterpret_cast<std::uintptr_t>(&codec), datagram.size()) & ~kKeptBit;
}

RecentDatagrams::Standing RecentDatagrams::standing(Fingerprint fingerprint) const {
  const Fingerprint found = places_[place_of(fingerprint)];
  if (fingerprint == 0 || (found & ~kKeptBit) != fingerprint) return Standing::kNew;
  return (found & kKeptBit) != 0 ? Standing::kKept : Standing::kUnderWay;
}

RecentDatagrams::Way::Way(RecentDatagrams& recent, Fingerprint fingerprint)
    : recent_(&recent), fingerprint_(fingerprint) {
  recent.places_[place_of(fingerprint)] = fingerprint;
}

void RecentDatagrams::Way::keep() {
  if (!recent_) return;
  recent_->places_[place_of(fingerprint_)] = fingerprint_ | kKeptBit;
  recent_ = nullptr;
}

RecentDatagrams::Way::~Way() {
  if (!recent_) return;
  Fingerprint& place = recent_->places_[place_of(fingerprint_)];
  if (place == fingerprint_) place = 0;
}

}  // namespace ingest
