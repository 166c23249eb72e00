// Backlog: reads the journal on behalf of the shards that are lagging, so that its rows are read once for all of them.
//
// What is read for one part is read for those, too, that stand at the same place; what is theirs waits here until they
// ask for it. A part that is slower than the others gets no more than there is room for, and falls out of step: it
// reads by itself then, through the rows of all parts, up to the place where the next one ahead stands. From there on
// they go together again. So nobody waits for anybody, but for a page that is being read.
//
// Belongs to the hub's thread. What waits here is forgotten with it, and is still in the journal.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "daemon/journal.h"
#include "greenrt/semaphore.h"

namespace hilera {

struct BacklogLimits {
  std::size_t rows = 1'000;           // that a part is given at once
  std::size_t rows_read = 2'000;      // at once, for each part
  std::size_t bytes_read = 4U << 20;  // at once, of datagrams
  // A part for which as many rows, or bytes, are waiting gets no more.
};

class Backlog {
 public:
  // The journal must outlive it.
  Backlog(Journal& journal, std::uint32_t parts, const BacklogLimits& limits = {});

  // Yields. What the journal has for the part next behind `after`; without rows when the next ones are of other parts,
  // or when there are none. Killed: nothing has happened. Throws std::runtime_error when the disk cannot be read for
  // the time being.
  Journal::Page read(std::uint32_t part, std::int64_t after);

  // The part reads no more for now. Never yields.
  void leave(std::uint32_t part);

  [[nodiscard]] std::size_t waiting() const;                            // rows
  [[nodiscard]] std::uint64_t rows_read() const { return rows_read_; }  // from the journal

 private:
  // What is known to be all that a part has in (after, read_to].
  struct Lane {
    bool open = false;
    std::int64_t after = 0;
    std::int64_t read_to = 0;
    std::deque<JournalRow> rows;
    std::size_t bytes = 0;  // of the rows' datagrams
    std::uint64_t lost = 0;  // records
  };

  [[nodiscard]] bool has_room(const Lane& lane) const;
  void read_for(std::uint32_t part);
  void deal(const JournalParts& parts, Journal::Page page);
  Journal::Page hand_out(std::uint32_t part);

  Journal& journal_;
  const BacklogLimits limits_;
  std::vector<Lane> lanes_;
  greenrt::Semaphore reading_;
  std::uint64_t rows_read_ = 0;
};

}  // namespace hilera
