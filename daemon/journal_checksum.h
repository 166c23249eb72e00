// The checksum of the journal's rows: SipHash-2-4 under the segment's salt. The salt makes a row of another file, or of
// a file that was here before, a wrong one.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace hilera {

using JournalSalt = std::array<std::byte, 16>;

class JournalChecksum {
 public:
  explicit JournalChecksum(const JournalSalt& salt) : salt_(salt) {}

  // Of a row of table `datagram`: its key, and its bytes without their checksum.
  [[nodiscard]] std::int64_t of_row(std::int64_t place, std::span<const std::byte> bytes) const;

  // Of a row of another table, which `table` names by a letter: all of its columns in a fixed form.
  std::int64_t of(char table, std::initializer_list<std::int64_t> columns, std::span<const std::byte> blob = {});

 private:
  JournalSalt salt_;
  std::vector<std::byte> scratch_;
};

}  // namespace hilera
