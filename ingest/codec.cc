#include "ingest/codec.h"

#include <cassert>

#include "ingest/keyed_hash.h"
#include "ingest/trust.h"

namespace ingest {

std::span<std::byte> Ack::resize(std::size_t size) {
  assert(size <= kCapacity);
  size_ = size;
  return {storage_.data(), size_};
}

void Decoded::clear() {
  verdict = Verdict::kRejected;
  reason = {};
  nserie = {};
  nserie_storage.clear();
  records.clear();
  ack_wanted = false;
  tagged = false;
  auth_level = AuthLevel::kNone;
  key_id = 0;
  counter = 0;
  readings.clear();
  updates_path = false;
  version = 0;
  answer.reset();
}

void Decoded::reject(std::string_view why) {
  clear();
  reason = why;
}

void Decoded::prove(AuthLevel level) {
  auth_level = level;
  if (counter == 0 || level < AuthLevel::kMac) return;
  for (Record& record : records)
    record.frame_id = counter;
}

std::string_view Codec::serial_of(std::string_view peeked, SerialRoom& /*room*/) const {
  return peeked;
}

std::uint64_t Codec::hash_of(std::string_view peeked) const {
  SerialRoom room;
  return keyed_hash(as_bytes(serial_of(peeked, room)));
}

std::string Codec::downlink_obstacle(std::string_view nserie, Bytes payload) const {
  return encode_downlink(nserie, 0, payload, nullptr) ? "" : "cannot carry this payload";
}

std::string Codec::legend(std::string_view /*group*/, std::string_view /*name*/, std::uint64_t /*value*/) const {
  return {};
}

DownlinkManners Codec::downlink_manners(std::uint8_t /*version*/) const {
  return {};
}

std::string_view Codec::verify(Bytes /*datagram*/, const Decoded& /*decoded*/, const KeyRing& /*keys*/) const {
  return refusal::kTagUnsupported;
}

}  // namespace ingest
