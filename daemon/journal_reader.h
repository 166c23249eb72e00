// JournalReader: what one segment holds, read back a cell at a time, whatever state the file is in.
//
// The summaries say which places there must be and how many records they carry; where a summary cannot be read, the
// rows themselves do. A cell is 512 places. It is read in one scan; when that does not give exactly the places that
// there must be, each place is looked up by itself. Both depend on nothing but the file, so that the readers of all
// parts see the same rows, and each place is either delivered to its part, or counted once as lost: for the part that
// its row names, or for part 0 where there is no row.
//
// Blocks. Throws sqlite::Error when the disk cannot be read; damage is no error here. While it is salvaging, a place
// that the disk refuses to give is damage, too, as long as it gives another one of the cell.

#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "daemon/journal.h"
#include "daemon/journal_segment.h"

namespace hilera {

class JournalReader {
 public:
  struct Bounds {
    std::int64_t first = 1;
    std::int64_t end = 0;  // what lies behind it is another segment's
  };
  // What was known of the segment before, if it was.
  struct Known {
    std::int64_t last = 0;
    std::uint64_t records = 0;
  };
  struct Wanted {
    std::int64_t after = 0;
    std::int64_t until = std::numeric_limits<std::int64_t>::max();
    JournalParts parts;
    std::size_t max_rows = 0;
    std::size_t max_bytes = 0;
  };

  // Both must outlive it.
  JournalReader(JournalSegment& segment, Bounds bounds, std::optional<Known> known);

  // Takes notice of commits made since, up to `end`.
  void refresh(std::int64_t end);

  [[nodiscard]] std::int64_t last_place() const;  // bounds.first - 1 when empty
  [[nodiscard]] std::int64_t last_arrival() const;
  [[nodiscard]] std::int64_t last_commit() const { return last_number_; }
  [[nodiscard]] std::uint64_t records() const;
  [[nodiscard]] std::uint64_t records_behind(std::int64_t place);
  // 0: there is none.
  [[nodiscard]] std::int64_t first_arrival_behind(std::int64_t place);
  [[nodiscard]] bool damaged() const { return damaged_; }

  void set_salvaging(bool salvaging) { salvaging_ = salvaging; }

  // Reads all of it; false when anything is damaged.
  bool verify();
  // Adds to the page what the next cell behind page.read_to has. False: there is no room for more.
  bool read_cell(const Wanted& wanted, Journal::Page& page);

 private:
  struct Range {
    std::int64_t first;
    std::int64_t last;
  };
  // One place at which there must be a row.
  struct Slot {
    std::int64_t place = 0;
    bool right = false;  // there is a row, and nothing is wrong with it, as far as the parts have to know
    std::optional<std::uint32_t> domain;  // as far as there is a row
    std::uint64_t records = 0;
    std::int64_t arrival = 0;
    bool mine = false;              // right, and of the parts
    std::optional<JournalRow> row;  // if mine, as long as there is room
  };
  using Slots = std::vector<Slot>;
  struct Room {
    std::size_t rows = 0;
    std::size_t bytes = 0;
    bool at_least_one = false;

    bool take(std::size_t size);
  };

  void load();
  void add(const std::vector<CommitSummary>& commits, bool& whole);
  void complete();
  void estimate(CommitSummary& commit);
  [[nodiscard]] std::int64_t last_right_place(std::int64_t after);
  [[nodiscard]] std::vector<CommitSummary>::const_iterator commit_behind(std::int64_t place) const;
  [[nodiscard]] Range cell_of(std::int64_t place) const;
  [[nodiscard]] std::vector<std::int64_t> places_in(Range range) const;

  [[nodiscard]] static Room room_in(const Journal::Page& page, const Wanted& wanted);
  static sqlite::Statement select(sqlite::Database& database, const std::string& where);

  // One slot for each place at which there must be a row.
  Slots read(Range cell, const Wanted& wanted, Room room);
  bool scan(const std::vector<std::int64_t>& places, const Wanted& wanted, Room room, Slots& slots);
  Slots look_up(const std::vector<std::int64_t>& places, const Wanted& wanted, Room room);
  Slot take(const sqlite::Statement& row, const Wanted& wanted, Room& room);
  // The same of any range, cell by cell, all of it checked.
  Slots check(Range range);
  void count_loss(const Slot& slot, const JournalParts& parts, Journal::Page& page);
  // The records of a place whose row is missing or wrong, so that the sum over its commit is right.
  std::uint64_t lost_at(std::int64_t place);

  JournalSegment& segment_;
  Bounds bounds_;
  std::optional<Known> known_;
  JournalChecksum checksum_;
  std::vector<CommitSummary> commits_;
  std::int64_t last_number_ = 0;
  bool damaged_ = false;
  bool salvaging_ = false;
  std::optional<sqlite::Statement> scan_;
  std::optional<sqlite::Statement> look_up_;
  std::int64_t losses_first_ = 0;  // of the commit that losses_ is about
  std::map<std::int64_t, std::uint64_t> losses_;
};

}  // namespace hilera
