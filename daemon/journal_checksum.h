// The checksum of the journal's rows: SipHash-2-4 under the segment's salt, over all columns in a fixed form. The salt
// makes a row of another file, or of a file that was here before, a wrong one.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

namespace hilera {

using JournalSalt = std::array<std::byte, 16>;

// All columns of table `datagram` but the checksum. Views only.
struct DatagramColumns {
  std::int64_t place = 0;
  std::int64_t domain = 0;
  std::int64_t arrival = 0;
  std::string_view listener;
  std::string_view codec;
  std::span<const std::byte> peer_ip;
  std::int64_t peer_port = 0;
  std::int64_t auth_level = 0;
  std::int64_t records = 0;
  std::span<const std::byte> bytes;
};

class JournalChecksum {
 public:
  explicit JournalChecksum(const JournalSalt& salt) : salt_(salt) {}

  std::int64_t of(const DatagramColumns& row);
  // Of a row of another table, which `table` names by a letter.
  std::int64_t of(char table, std::initializer_list<std::int64_t> columns, std::span<const std::byte> blob = {});

 private:
  void begin(char table);
  void add(std::int64_t value);
  void add(std::span<const std::byte> bytes);
  [[nodiscard]] std::int64_t end() const;

  JournalSalt salt_;
  std::vector<std::byte> scratch_;
};

}  // namespace hilera
