#include "daemon/journal_segment.h"

#include <algorithm>

#include "daemon/journal_form.h"

namespace hilera {
namespace {

constexpr std::int64_t kPageSize = 4096;
constexpr std::int64_t kFewestLogPages = 16;

constexpr const char* kSchema = R"(
  CREATE TABLE meta(
    id INTEGER PRIMARY KEY, version INTEGER, follows_place INTEGER, follows_arrival INTEGER, hash_key BLOB, checksum INTEGER);
  CREATE TABLE position(id INTEGER PRIMARY KEY, place INTEGER, checksum INTEGER);
  CREATE TABLE summary(
    number INTEGER PRIMARY KEY, first INTEGER, last INTEGER, records INTEGER, arrival INTEGER, checksum INTEGER);
  CREATE TABLE datagram(place INTEGER PRIMARY KEY, entry BLOB);
  PRAGMA application_id = 0x48696c65;
)";

std::string number(std::int64_t value) {
  return std::to_string(value);
}

}  // namespace

struct JournalSegment::Writer {
  explicit Writer(sqlite::Database& database)
      : datagram(database, "INSERT INTO datagram VALUES(?,?)"),
        summary(database, "INSERT INTO summary VALUES(?,?,?,?,?,?)"),
        position(database, "REPLACE INTO position VALUES(1,?,?),(2,?,?)"),
        pages(database, "PRAGMA page_count") {}

  sqlite::Statement datagram;
  sqlite::Statement summary;
  sqlite::Statement position;
  sqlite::Statement pages;
};

JournalSegment::JournalSegment(const std::string& path, const JournalSalt& salt, sqlite::OpenMode mode,
                               const Options& options)
    : salt_(salt), database_(path, mode, options.vfs), checksum_(salt) {
  // The lock is taken before the first look, so that the log's index stays in this process's memory.
  if (mode == sqlite::OpenMode::kWrite) database_.execute("PRAGMA locking_mode = EXCLUSIVE");
  database_.execute("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY");
}

JournalSegment::~JournalSegment() = default;

void JournalSegment::create(const std::string& path, const JournalSalt& salt, const SegmentMeta& meta,
                            const StorePosition& position, const Options& options) {
  JournalSegment segment(path, salt, sqlite::OpenMode::kWrite, options);
  sqlite::Database& database = segment.database_;
  database.execute(("PRAGMA synchronous = FULL; PRAGMA page_size = " + number(kPageSize)).c_str());
  sqlite::Transaction transaction(database);
  database.execute(kSchema);
  database.execute(("PRAGMA user_version = " + number(kVersion)).c_str());
  sqlite::Statement(database, "INSERT INTO meta VALUES(1,?,?,?,?,?)")
      .bind(1, meta.version)
      .bind(2, meta.follows_place)
      .bind(3, meta.follows_arrival)
      .bind(4, std::span<const std::byte>(meta.hash_key))
      .bind(5, segment.meta_checksum(meta))
      .run();
  segment.writer_ = std::make_unique<Writer>(database);
  segment.write_position(position);
  transaction.commit();
}

std::unique_ptr<JournalSegment> JournalSegment::open(const std::string& path, const JournalSalt& salt,
                                                     const Options& options) {
  std::unique_ptr<JournalSegment> segment(new JournalSegment(path, salt, sqlite::OpenMode::kWrite, options));
  segment->prepare_to_write(options);
  segment->writer_ = std::make_unique<Writer>(segment->database_);
  return segment;
}

std::unique_ptr<JournalSegment> JournalSegment::open_to_read(const std::string& path, const JournalSalt& salt,
                                                             bool sealed, const Options& options) {
  const auto mode = sealed ? sqlite::OpenMode::kImmutable : sqlite::OpenMode::kWrite;
  return std::unique_ptr<JournalSegment>(new JournalSegment(path, salt, mode, options));
}

void JournalSegment::prepare_to_write(const Options& options) {
  const auto log_pages = std::max(static_cast<std::int64_t>(options.log_bytes) / kPageSize, kFewestLogPages);
  database_.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF");
  database_.execute(("PRAGMA wal_autocheckpoint = " + number(log_pages)).c_str());
}

// Of the tables' definitions, since a wrong one would make every row of it another.
std::int64_t JournalSegment::schema_checksum() {
  std::string schema;
  sqlite::Statement row(database_, "SELECT sql FROM sqlite_schema ORDER BY name");
  while (row.step())
    schema += row.text(0);
  return checksum_.of('q', {}, std::as_bytes(std::span(schema)));
}

std::int64_t JournalSegment::meta_checksum(const SegmentMeta& meta) {
  const std::int64_t schema = schema_checksum();
  return checksum_.of('m', {schema, meta.version, meta.follows_place, meta.follows_arrival}, meta.hash_key);
}

std::optional<SegmentMeta> JournalSegment::read_meta() try {
  sqlite::Statement row(database_, "SELECT version, follows_place, follows_arrival, hash_key, checksum FROM meta");
  if (!row.step()) return std::nullopt;
  SegmentMeta meta{.version = row.integer(0), .follows_place = row.integer(1), .follows_arrival = row.integer(2)};
  const auto key = row.blob(3);
  if (key.size() != meta.hash_key.size()) return std::nullopt;
  std::copy(key.begin(), key.end(), meta.hash_key.begin());
  return meta_checksum(meta) == row.integer(4) ? std::optional(meta) : std::nullopt;
} catch (const sqlite::Error& error) {
  if (!error.content()) throw;
  return std::nullopt;
}

std::optional<StorePosition> JournalSegment::read_position() try {
  std::optional<StorePosition> position;
  sqlite::Statement row(database_, "SELECT id, place, checksum FROM position ORDER BY id");
  while (row.step()) {
    const std::int64_t place = row.integer(1);
    if (row.integer(0) == 1 && checksum_.of('p', {place}) == row.integer(2)) {
      position = {.place = place, .needed = place, .sure = place};  // of an older program, which knew no other
    } else if (row.integer(0) == 2 && position) {
      const bool right = checksum_.of('g', {place}) == row.integer(2);
      position->needed = position->sure = right ? std::min(place, position->place) : 0;
    }
  }
  return position;
} catch (const sqlite::Error& error) {
  if (!error.content()) throw;
  return std::nullopt;
}

std::vector<CommitSummary> JournalSegment::read_summaries(std::int64_t after, bool& whole) {
  std::vector<CommitSummary> summaries;
  try {
    sqlite::Statement statement(
        database_, "SELECT number, first, last, records, arrival, checksum FROM summary WHERE number > ? ORDER BY 1");
    statement.bind(1, after);
    while (statement.step()) {
      const CommitSummary row{.number = statement.integer(0),
                              .first = statement.integer(1),
                              .last = statement.integer(2),
                              .records = static_cast<std::uint64_t>(statement.integer(3)),
                              .arrival = statement.integer(4)};
      if (row.number != after + 1) whole = false;
      if (row.number <= after) continue;
      if (checksum_.of('s', {row.number, row.first, row.last, statement.integer(3), row.arrival}) !=
          statement.integer(5)) {
        whole = false;
        continue;
      }
      after = row.number;
      summaries.push_back(row);
    }
  } catch (const sqlite::Error& error) {
    if (!error.content()) throw;
    whole = false;
  }
  return summaries;
}

std::int64_t JournalSegment::last_place() {
  return database_.query_integer("SELECT max(place) FROM datagram");
}

void JournalSegment::commit(std::span<const ingest::Entry* const> entries, std::optional<StorePosition> position) {
  sqlite::Transaction transaction(database_);
  for (const ingest::Entry* entry : entries)
    insert(*entry);
  if (!entries.empty()) {
    CommitSummary summary{.number = commits_ + 1, .first = entries.front()->place, .last = entries.back()->place};
    for (const ingest::Entry* entry : entries) {
      summary.records += entry->decoded.records.size();
      summary.arrival = std::max(summary.arrival, entry->datagram.arrival);
    }
    insert(summary);
  }
  if (position) write_position(*position);
  transaction.commit();
  if (!entries.empty()) ++commits_;
}

void JournalSegment::insert(const ingest::Entry& entry) {
  pack(entry, checksum_, packed_);
  writer_->datagram.bind(1, entry.place).bind(2, std::span<const std::byte>(packed_)).run();
}

void JournalSegment::insert(const CommitSummary& summary) {
  const auto records = static_cast<std::int64_t>(summary.records);
  writer_->summary.bind(1, summary.number)
      .bind(2, summary.first)
      .bind(3, summary.last)
      .bind(4, records)
      .bind(5, summary.arrival)
      .bind(6, checksum_.of('s', {summary.number, summary.first, summary.last, records, summary.arrival}))
      .run();
}

void JournalSegment::write_position(const StorePosition& position) {
  writer_->position.bind(1, position.place)
      .bind(2, checksum_.of('p', {position.place}))
      .bind(3, position.sure)
      .bind(4, checksum_.of('g', {position.sure}))
      .run();
}

std::uint64_t JournalSegment::bytes() {
  const sqlite::ResetAtEnd reset(writer_->pages);
  return writer_->pages.step() ? static_cast<std::uint64_t>(writer_->pages.integer(0) * kPageSize) : 0;
}

void JournalSegment::seal() {
  writer_.reset();
  database_.execute("PRAGMA journal_mode = DELETE");
}

}  // namespace hilera
