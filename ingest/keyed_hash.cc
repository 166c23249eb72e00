#include "ingest/keyed_hash.h"

#include <sodium.h>

#include <array>
#include <stdexcept>

namespace ingest {
namespace {

__extension__ using Wide = unsigned __int128;

struct Secrets {
  Secrets() {
    if (sodium_init() < 0) throw std::runtime_error("libsodium finds no source of randomness");
    crypto_shorthash_keygen(key.data());
    randombytes_buf(factors.data(), sizeof factors);
  }

  static const Secrets& get() {
    static const Secrets secrets;
    return secrets;
  }

  std::array<unsigned char, crypto_shorthash_KEYBYTES> key;
  std::array<Wide, 3> factors;
};

// Without it, numbers at equal distances would have hashes at equal distances: two runs of them that meet in one bucket
// would meet in many.
std::uint64_t scatter(std::uint64_t hash) {
  hash = (hash ^ hash >> 30) * 0xBF58476D1CE4E5B9;
  hash = (hash ^ hash >> 27) * 0x94D049BB133111EB;
  return hash ^ hash >> 31;
}

}  // namespace

std::uint64_t keyed_hash(Bytes bytes) {
  std::uint64_t hash = 0;
  static_assert(sizeof hash == crypto_shorthash_BYTES);
  crypto_shorthash(reinterpret_cast<unsigned char*>(&hash), reinterpret_cast<const unsigned char*>(bytes.data()),
                   bytes.size(), Secrets::get().key.data());
  return hash;
}

std::uint64_t mix_keyed(std::uint64_t hash, std::uint64_t first, std::uint64_t second) {
  const auto& factors = Secrets::get().factors;
  return scatter(static_cast<std::uint64_t>((hash * factors[0] + first * factors[1] + second * factors[2]) >> 64));
}

}  // namespace ingest
