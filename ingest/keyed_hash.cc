#include "ingest/keyed_hash.h"

#include <sodium.h>

#include <array>
#include <stdexcept>

namespace ingest {
namespace {

using Key = std::array<unsigned char, crypto_shorthash_KEYBYTES>;

Key random_key() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium finds no source of randomness");
  Key key;
  crypto_shorthash_keygen(key.data());
  return key;
}

}  // namespace

std::uint64_t keyed_hash(Bytes bytes) {
  static const Key key = random_key();
  std::uint64_t hash = 0;
  static_assert(sizeof hash == crypto_shorthash_BYTES);
  crypto_shorthash(reinterpret_cast<unsigned char*>(&hash), reinterpret_cast<const unsigned char*>(bytes.data()),
                   bytes.size(), key.data());
  return hash;
}

}  // namespace ingest
