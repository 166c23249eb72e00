// Adversary: somebody who listens to the fleet and sends what he heard again, as it was or altered.
//
// Replays are copies of frames that were sent before, at any time since the start as long as there is room, else of the
// last ones. Forgeries are copies with one bit changed. Nothing of it may be stored: for protocols with a tag.
//
// Pure, allocates as it listens.

#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "daemon/sim/random.h"
#include "ingest/bytes.h"

namespace hilera::sim {

struct AdversaryOptions {
  double replays = 0;  // for each frame that is sent, on average; at most 1
  double forgeries = 0;
  std::uint64_t seed = 1;
};

class Adversary {
 public:
  static constexpr std::size_t kMemory = 65'536;  // frames

  explicit Adversary(const AdversaryOptions& options) : options_(options), random_(options.seed) {}

  [[nodiscard]] bool idle() const { return options_.replays <= 0 && options_.forgeries <= 0; }

  void overhear(ingest::Bytes frame);

  // What he sends behind a frame; valid until the next call.
  [[nodiscard]] std::optional<ingest::Bytes> replay();
  [[nodiscard]] std::optional<ingest::Bytes> forge();

 private:
  [[nodiscard]] const std::vector<std::byte>* some_frame(double share);

  AdversaryOptions options_;
  Random random_;
  std::vector<std::vector<std::byte>> heard_;
  std::size_t next_ = 0;
  std::vector<std::byte> forged_;
};

}  // namespace hilera::sim
