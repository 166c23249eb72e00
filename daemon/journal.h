// Journal: the write-ahead log in front of the database. What it says is durable survives a crash of the daemon and of
// the machine.
//
// A folder of segment files (see journal_segment.h), append-only, deleted whole. One thread of its own does all that
// touches the disk. Group commit: the thread takes everything that is waiting, writes it in one transaction with one
// sync, and comes back for more, so the batch grows with the load and there is no timer.
//
// Places are given out by append(), in the order of the calls, from 1 and on over restarts; what becomes durable does
// so in this order. The records of order domain d belong to part d % parts.
//
// Faults: after an I/O error the segment is closed for good, a new one is begun, and what was not durable is written
// there again; while that fails, too, it is tried again after a pause, and append() refuses. A damaged segment is
// salvaged row by row: what cannot be read is counted in records and its file is kept aside. Where the disk refuses to
// give a row though it gives others beside it, that is damage after `patience`. It never refuses to open but when the
// folder cannot be used at all, or another process uses it.
//
// Grace: what the store has may be lost again with the server that has it. So a segment outlives its last use by the
// grace time, and the place from which on that may happen is kept with the newest one; both survive a crash. What is
// kept for that alone goes early where it would make the journal larger than half of max_size, and wherever room is
// needed.
//
// Everything here but the constructor belongs to the hub's thread.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "greenrt/deadline.h"
#include "greenrt/histogram.h"
#include "ingest/bytes.h"
#include "ingest/custody.h"
#include "ingest/entry.h"

namespace hilera {

struct JournalOptions {
  std::string directory;
  std::uint64_t max_size = 4ULL << 30;       // bytes of all its files
  std::uint64_t segment_size = 64ULL << 20;  // bytes at which a new one is begun
  std::size_t max_waiting = 20'000;          // entries that wait for the thread
  std::size_t max_waiting_bytes = 64U << 20;
  greenrt::Duration grace = greenrt::Duration::zero();   // how long a segment outlives its last use, at most
  greenrt::Duration patience = std::chrono::seconds(5);  // with a disk that refuses what is to be written, or a row
  std::string vfs;                                       // the layer of SQLite through which files are reached
};

// How far the store has come: three places, none above the one before it.
struct StorePosition {
  std::int64_t place = 0;   // up to here it has everything
  std::int64_t needed = 0;  // up to here it needs nothing any more
  std::int64_t sure = 0;    // up to here no loss of a server can take anything away any more

  friend bool operator==(const StorePosition&, const StorePosition&) = default;
};

// Some of the parts among which the order domains are divided: domain d belongs to part d % count. At most 64.
struct JournalParts {
  std::uint32_t count = 1;
  std::uint64_t chosen = 1;  // bit n: part n

  static JournalParts one(std::uint32_t part, std::uint32_t count) { return {count, std::uint64_t{1} << part}; }
  void choose(std::uint32_t part) { chosen |= std::uint64_t{1} << part; }
  [[nodiscard]] bool has(std::uint32_t part) const { return (chosen >> part & 1U) != 0; }
  [[nodiscard]] std::uint32_t of(std::uint32_t domain) const { return domain % count; }
};

// One datagram, as it is read back.
struct JournalRow {
  std::int64_t place = 0;
  std::uint32_t domain = 0;
  std::int64_t arrival = 0;  // microseconds since 1970
  std::string listener;
  std::string codec;
  greenrt::SocketAddress peer;
  ingest::AuthLevel auth_level = ingest::AuthLevel::kNone;
  std::uint32_t records = 0;
  std::vector<std::byte> bytes;
};

class Journal {
 public:
  // Called on the hub, with entries in the order of their places: they are durable, or (false) never will be. Must not
  // yield or throw.
  using OnSettled = std::function<void(std::span<const ingest::EntryRef>, bool durable)>;

  // What was there at the start.
  struct Found {
    std::int64_t last_arrival = 0;  // of all that was ever appended, as far as it is known
    std::int64_t last_place = 0;
    std::int64_t position = 0;  // up to here the store had everything
    std::int64_t sure = 0;      // up to here it had everything for good; not below what is still there
    std::uint64_t records = 0;  // behind the position
    std::array<std::byte, 16> hash_key{};
  };

  struct Stats {
    std::uint64_t bytes = 0;  // of all files
    std::uint64_t segments = 0;
    std::uint64_t appended = 0;  // datagrams made durable
    std::uint64_t commits = 0;
    std::uint64_t io_errors = 0;
    std::uint64_t quarantined = 0;    // records that could not be read back
    std::int64_t oldest_arrival = 0;  // behind the position; 0: nothing is pending
    std::size_t waiting = 0;          // entries that wait for the thread
    std::size_t waiting_bytes = 0;
    std::string problem;  // why nothing can be made durable, for people; empty when it can
  };

  // Opens or creates the folder and its last segment; takes a time that does not grow with the backlog. Blocks. Throws
  // std::runtime_error that names the folder.
  Journal(const JournalOptions& options, OnSettled on_settled);
  // Makes durable what waits; what the disk does not take then is settled as lost, so on_settled is called from here.
  // Who still waits in read() gets greenrt::Closed. Blocks for as long as the disk takes.
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  [[nodiscard]] const Found& found() const;

  // Takes the entry, whose `domain` is set, at the next place, which is set in it. Never yields. Throws CustodyRefused
  // (kJournalBusy: too much is waiting; kJournalFull: max_size, or the disk is full; kJournalFailed), and has then
  // taken nothing.
  void append(const ingest::EntryRef& entry);

  // The place of the last entry that was settled as durable; before the first one, found().last_place.
  [[nodiscard]] std::int64_t durable_place() const;

  struct Page {
    std::vector<JournalRow> rows;  // of the parts, in order
    std::int64_t read_to = 0;      // the place up to which the journal has nothing more for them
    // Records between that could not be read, by their parts; what nobody knows the part of is told to part 0.
    struct Loss {
      std::uint32_t part = 0;
      std::uint64_t records = 0;
    };
    std::vector<Loss> lost;

    [[nodiscard]] std::uint64_t quarantined() const;  // all of them
  };
  // Yields. What is durable behind `after`, and not behind `until`: at least one row if there is one. Killed: nothing
  // has happened. Throws std::runtime_error when the disk cannot be read for the time being.
  Page read(std::int64_t after, const JournalParts& parts, std::size_t max_rows, std::size_t max_bytes,
            std::int64_t until = std::numeric_limits<std::int64_t>::max());

  // Segments may go up to what is needed. Written with the next commit, at most a second later, and at the end; after a
  // crash an earlier one may be found, and the store sees rows again. Never yields. May go back.
  void set_position(const StorePosition& position);
  void set_position(std::int64_t place) { set_position({place, place, place}); }

  // Yields until everything appended so far is settled (true) or until the deadline (false).
  bool flush(greenrt::Deadline deadline);

  [[nodiscard]] const Stats& stats() const;
  [[nodiscard]] const greenrt::Histogram& commit_seconds() const;  // of one group, its sync included
  [[nodiscard]] const greenrt::Histogram& commit_rows() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hilera
