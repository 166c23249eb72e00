#include "ingest/codec.h"

#include <cassert>

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
  auth_level = AuthLevel::kNone;
  updates_path = false;
}

void Decoded::reject(std::string_view why) {
  clear();
  reason = why;
}

}  // namespace ingest
