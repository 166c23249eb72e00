// The form of one datagram in the journal: the column `entry` of table `datagram`.
//
// One value for all but the place, which is the row's key: what SQLite does for a row costs by the column. A head of
// fixed size, then the names of the listener and the codec, then the datagram as it came. The first field of the head
// is the checksum of the place and all that follows; it tells a right entry from a damaged one, and one of this file
// from one of another.
//
// Integers are little-endian. Pure; never throws but for memory.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "daemon/journal_checksum.h"
#include "ingest/entry.h"

namespace hilera {

// Views into the entry's bytes.
struct JournalForm {
  std::uint32_t domain = 0;
  std::int64_t arrival = 0;  // microseconds since 1970
  std::string_view listener;
  std::string_view codec;
  std::span<const std::byte> peer_ip;  // 16 bytes, IPv4 as ::ffff:a.b.c.d
  std::uint16_t peer_port = 0;
  std::uint8_t auth_level = 0;
  std::uint32_t records = 0;
  std::span<const std::byte> bytes;
};

// Replaces `out`.
void pack(const ingest::Entry& entry, const JournalChecksum& checksum, std::vector<std::byte>& out);

// The order domain alone, unchecked: who reads for one part need not look further into the entries of the others. None
// when it is too short for an entry.
[[nodiscard]] std::optional<std::uint32_t> peek_domain(std::span<const std::byte> packed);

// None when it is damaged.
[[nodiscard]] std::optional<JournalForm> unpack(std::int64_t place, std::span<const std::byte> packed,
                                                const JournalChecksum& checksum);

}  // namespace hilera
