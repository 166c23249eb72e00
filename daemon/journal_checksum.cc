#include "daemon/journal_checksum.h"

#include <sodium.h>

namespace hilera {

static_assert(crypto_shorthash_KEYBYTES == sizeof(JournalSalt));

std::int64_t JournalChecksum::of(const DatagramColumns& row) {
  begin('d');
  for (const std::int64_t value :
       {row.place, row.domain, row.arrival, row.peer_port, row.auth_level, row.records,
        static_cast<std::int64_t>(row.listener.size()), static_cast<std::int64_t>(row.codec.size())}) {
    add(value);
  }
  add(row.peer_ip);
  add(std::as_bytes(std::span(row.listener)));
  add(std::as_bytes(std::span(row.codec)));
  add(row.bytes);
  return end();
}

std::int64_t JournalChecksum::of(char table, std::initializer_list<std::int64_t> columns,
                                 std::span<const std::byte> blob) {
  begin(table);
  for (const std::int64_t value : columns)
    add(value);
  add(blob);
  return end();
}

void JournalChecksum::begin(char table) {
  scratch_.assign(1, static_cast<std::byte>(table));
}

void JournalChecksum::add(std::int64_t value) {
  const std::size_t at = scratch_.size();
  scratch_.resize(at + sizeof value);
  std::memcpy(scratch_.data() + at, &value, sizeof value);
}

void JournalChecksum::add(std::span<const std::byte> bytes) {
  scratch_.insert(scratch_.end(), bytes.begin(), bytes.end());
}

std::int64_t JournalChecksum::end() const {
  std::int64_t hash = 0;
  static_assert(sizeof hash == crypto_shorthash_BYTES);
  crypto_shorthash(reinterpret_cast<unsigned char*>(&hash), reinterpret_cast<const unsigned char*>(scratch_.data()),
                   scratch_.size(), reinterpret_cast<const unsigned char*>(salt_.data()));
  return hash;
}

}  // namespace hilera
