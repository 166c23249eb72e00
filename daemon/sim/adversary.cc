#include "daemon/sim/adversary.h"

namespace hilera::sim {

void Adversary::overhear(ingest::Bytes frame) {
  if (heard_.size() < kMemory) {
    heard_.emplace_back(frame.begin(), frame.end());
  } else {
    heard_[next_].assign(frame.begin(), frame.end());
    next_ = (next_ + 1) % kMemory;
  }
}

const std::vector<std::byte>* Adversary::some_frame(double share) {
  if (heard_.empty() || random_.unit() >= share) return nullptr;
  return &heard_[random_.next() % heard_.size()];
}

std::optional<ingest::Bytes> Adversary::replay() {
  const auto* frame = some_frame(options_.replays);
  return frame ? std::optional<ingest::Bytes>(*frame) : std::nullopt;
}

std::optional<ingest::Bytes> Adversary::forge() {
  const auto* frame = some_frame(options_.forgeries);
  if (!frame) return std::nullopt;
  forged_ = *frame;
  const std::uint64_t bit = random_.next() % (8 * forged_.size());
  forged_[bit / 8] ^= std::byte{1} << bit % 8;
  return forged_;
}

}  // namespace hilera::sim
