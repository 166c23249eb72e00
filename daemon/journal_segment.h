// JournalSegment: one file of the journal, an SQLite database. Knows nothing of threads, of other segments, or of
// policy.
//
//   datagram   one row a datagram, its key is its place; its form is that of journal_form.h
//   summary    one row a commit: what it holds. Totals cost O(commits), and what is missing is known
//   position   how far the store had come, as of some commit: `place` (row 1) and `sure` (row 2)
//   meta       the format's version, what came before this file, the key of the hash
//
// Every row has a checksum under the file's salt, because SQLite has none for pages: a row is either right or damaged.
// A file that is written has a write-ahead log beside it; a sealed one is a single file. It may be opened for reading
// as well after a crash, and is then recovered first.
//
// Blocks. Throws sqlite::Error. After one whose trouble is kDisk or damage, nothing more may be written through this
// object, since what the kernel still holds of the file is no longer known.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/journal.h"
#include "daemon/journal_checksum.h"
#include "daemon/sqlite.h"
#include "ingest/entry.h"

namespace hilera {

using HashKey = std::array<std::byte, 16>;

// What a segment knows from its beginning.
struct SegmentMeta {
  std::int64_t version = 2;
  std::int64_t follows_place = 0;    // the last place that was known when it was begun
  std::int64_t follows_arrival = 0;  // the same of the arrival
  HashKey hash_key{};
};

// One commit: the places first..last, all of them.
struct CommitSummary {
  std::int64_t number = 0;  // from 1, without gaps
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::uint64_t records = 0;
  std::int64_t arrival = 0;  // the latest one
};

class JournalSegment {
 public:
  ~JournalSegment();
  JournalSegment(const JournalSegment&) = delete;
  JournalSegment& operator=(const JournalSegment&) = delete;

  struct Options {
    std::string vfs;
    std::uint64_t log_bytes = 4U << 20;  // at which the log is copied into the database
  };

  // Makes a segment of an empty file, to be opened afterwards.
  static void create(const std::string& path, const JournalSalt& salt, const SegmentMeta& meta,
                     const StorePosition& position, const Options& options);
  // To write on.
  static std::unique_ptr<JournalSegment> open(const std::string& path, const JournalSalt& salt, const Options& options);
  // To read. `sealed`: has no log that would have to be recovered.
  static std::unique_ptr<JournalSegment> open_to_read(const std::string& path, const JournalSalt& salt, bool sealed,
                                                      const Options& options);

  static constexpr std::int64_t kVersion = 2;

  // None when damaged or missing.
  [[nodiscard]] std::optional<SegmentMeta> read_meta();
  [[nodiscard]] std::optional<StorePosition> read_position();
  // The commits after number `after` that can be read; `whole` is made false when there must be more.
  [[nodiscard]] std::vector<CommitSummary> read_summaries(std::int64_t after, bool& whole);
  // The last row's place as the table has it, right or damaged; 0: none.
  [[nodiscard]] std::int64_t last_place();

  // One transaction, synced when it returns.
  void commit(std::span<const ingest::Entry* const> entries, std::optional<StorePosition> position);
  // The last commit was number `number`; before the first commit(), when the segment was not begun here.
  void continue_after(std::int64_t number) { commits_ = number; }
  // In the database, not its log.
  [[nodiscard]] std::uint64_t bytes();
  // No more will be written: makes it a single file.
  void seal();

  [[nodiscard]] sqlite::Database& database() { return database_; }
  [[nodiscard]] const JournalSalt& salt() const { return salt_; }

 private:
  struct Writer;
  JournalSegment(const std::string& path, const JournalSalt& salt, sqlite::OpenMode mode, const Options& options);
  std::int64_t schema_checksum();
  std::int64_t meta_checksum(const SegmentMeta& meta);
  void prepare_to_write(const Options& options);
  void insert(const ingest::Entry& entry);
  void insert(const CommitSummary& summary);
  void write_position(const StorePosition& position);

  JournalSalt salt_;
  sqlite::Database database_;
  JournalChecksum checksum_;
  std::vector<std::byte> packed_;  // the entry that is being inserted
  std::int64_t commits_ = 0;
  std::unique_ptr<Writer> writer_;
};

}  // namespace hilera
