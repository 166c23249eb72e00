#include "daemon/journal_checksum.h"

#include <sodium.h>

#include <cstring>

namespace hilera {
namespace {

static_assert(crypto_shorthash_KEYBYTES == sizeof(JournalSalt));

std::int64_t hash_of(std::span<const std::byte> bytes, const JournalSalt& key) {
  std::int64_t hash = 0;
  static_assert(sizeof hash == crypto_shorthash_BYTES);
  crypto_shorthash(reinterpret_cast<unsigned char*>(&hash), reinterpret_cast<const unsigned char*>(bytes.data()),
                   bytes.size(), reinterpret_cast<const unsigned char*>(key.data()));
  return hash;
}

}  // namespace

std::int64_t JournalChecksum::of_row(std::int64_t place, std::span<const std::byte> bytes) const {
  JournalSalt key = salt_;
  std::int64_t half = 0;
  std::memcpy(&half, key.data(), sizeof half);
  half ^= place;
  std::memcpy(key.data(), &half, sizeof half);
  return hash_of(bytes, key);
}

std::int64_t JournalChecksum::of(char table, std::initializer_list<std::int64_t> columns,
                                 std::span<const std::byte> blob) {
  scratch_.assign(1, static_cast<std::byte>(table));
  for (const std::int64_t value : columns) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    scratch_.insert(scratch_.end(), bytes.begin(), bytes.end());
  }
  scratch_.insert(scratch_.end(), blob.begin(), blob.end());
  return hash_of(scratch_, salt_);
}

}  // namespace hilera
