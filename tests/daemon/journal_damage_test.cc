// Files that are not what they were. Whatever is done to them: the journal opens, no row is wrong, and each record that
// is not delivered is counted.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "daemon/journal.h"
#include "daemon/journal_reader.h"
#include "daemon/sqlite.h"
#include "tests/daemon/journal_fixture.h"

namespace hilera::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace fs = std::filesystem;
using Content = std::vector<char>;

constexpr int kRows = 600;

Content read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const fs::path& path, const Content& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(content.data(), static_cast<std::streamsize>(content.size()));
}

JournalOptions small_segments(const JournalDirectory& directory) {
  return {.directory = directory.path(), .segment_size = 32 << 10};
}

// Row n has the text n and n % 3 + 1 records.
std::uint32_t records_of(int number) {
  return static_cast<std::uint32_t>(number % 3 + 1);
}

std::uint64_t write_rows(const JournalDirectory& directory) {
  TestJournal journal(small_segments(directory));
  std::uint64_t records = 0;
  for (int number = 1; number <= kRows; ++number) {
    journal.append(std::to_string(number), static_cast<std::uint32_t>(number), records_of(number));
    records += records_of(number);
    if (number % 25 == 0) journal.flush();
  }
  return records;
}

struct Outcome {
  std::uint64_t found = 0;
  std::uint64_t read = 0;  // records
  std::uint64_t quarantined = 0;
  std::size_t rows = 0;
};

// Reads all parts, checks every row, and appends one, which must work.
Outcome read_damaged(const JournalDirectory& directory, std::uint32_t parts = 3) {
  Outcome outcome;
  std::int64_t appended = 0;
  {
    TestJournal journal(small_segments(directory));
    outcome.found = journal->found().records;
    EXPECT_EQ(journal->found().position, 0);
    appended = journal.append("new")->place;
    journal.flush();
    std::set<std::int64_t> places;
    for (std::uint32_t part = 0; part < parts; ++part) {
      const auto all = journal.read(0, part, parts);
      outcome.quarantined += all.quarantined;
      for (const JournalRow& row : all.rows) {
        EXPECT_TRUE(places.insert(row.place).second) << "twice: " << row.place;
        if (row.place == appended) continue;
        EXPECT_EQ(ingest::as_text(row.bytes), std::to_string(row.place));
        EXPECT_EQ(row.records, records_of(static_cast<int>(row.place)));
        outcome.read += row.records;
        ++outcome.rows;
      }
    }
    EXPECT_TRUE(places.contains(appended));
    EXPECT_EQ(journal->stats().quarantined, outcome.quarantined);
  }
  return outcome;
}

std::mt19937_64 seeded() {
  const char* const given = std::getenv("HILERA_SEED");
  const std::uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device{}();
  std::printf("HILERA_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return std::mt19937_64(seed);
}

std::uint64_t total_of(const TestJournal::Everything& all) {
  std::uint64_t records = 0;
  for (const JournalRow& row : all.rows)
    records += row.records;
  return records;
}

class Pristine {
 public:
  Pristine() : records(write_rows(directory)) {
    for (const fs::path& path : directory.segments())
      segments.emplace_back(path.filename(), read_file(path));
  }
  // A folder as it was.
  void copy_to(const JournalDirectory& other) const {
    fs::remove_all(other.path());
    fs::create_directory(other.path());
    for (const auto& [name, content] : segments)
      write_file(fs::path(other.path()) / name, content);
  }

  JournalDirectory directory;
  std::uint64_t records;
  std::vector<std::pair<fs::path, Content>> segments;
};

HUB_TEST(JournalDamage, WithoutAnyNothingIsCounted) {
  const Pristine pristine;
  ASSERT_GE(pristine.segments.size(), 3u);
  JournalDirectory directory;
  pristine.copy_to(directory);
  const Outcome outcome = read_damaged(directory);
  EXPECT_EQ(outcome.rows, static_cast<std::size_t>(kRows));
  EXPECT_EQ(outcome.found, pristine.records);
  EXPECT_EQ(outcome.read, pristine.records);
  EXPECT_EQ(outcome.quarantined, 0u);
  EXPECT_THAT(directory.quarantined(), IsEmpty());
}

HUB_TEST(JournalDamage, AFlippedBitCostsAtMostWhatIsCounted) {
  auto random = seeded();
  const Pristine pristine;
  JournalDirectory directory;
  for (int round = 0; round < 60; ++round) {
    pristine.copy_to(directory);
    // Not in the newest, whose end nothing else tells.
    const auto& [name, content] = pristine.segments[random() % (pristine.segments.size() - 1)];
    const std::size_t at = random() % (round % 3 == 0 ? 4096 : content.size());
    Content damaged = content;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
    write_file(fs::path(directory.path()) / name, damaged);
    const Outcome outcome = read_damaged(directory);
    EXPECT_EQ(outcome.found, outcome.read + outcome.quarantined) << name << " at " << at;
    EXPECT_GE(outcome.read + outcome.quarantined, static_cast<std::uint64_t>(kRows)) << name << " at " << at;
  }
}

HUB_TEST(JournalDamage, OfTheNewestSegmentIsSurvivedToo) {
  auto random = seeded();
  const Pristine pristine;
  JournalDirectory directory;
  for (int round = 0; round < 40; ++round) {
    pristine.copy_to(directory);
    const auto& [name, content] = pristine.segments.back();
    const std::size_t at = random() % (round % 3 == 0 ? 4096 : content.size());
    Content damaged = content;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
    write_file(fs::path(directory.path()) / name, damaged);
    const Outcome outcome = read_damaged(directory);
    EXPECT_EQ(outcome.found, outcome.read + outcome.quarantined) << name << " at " << at;
  }
}

HUB_TEST(JournalDamage, APageOfZeroesIsCounted) {
  const Pristine pristine;
  JournalDirectory directory;
  const auto& [name, content] = pristine.segments[1];
  for (std::size_t page = 1; page < content.size() / 4096; ++page) {
    pristine.copy_to(directory);
    Content damaged = content;
    std::fill_n(damaged.begin() + static_cast<std::ptrdiff_t>(page * 4096), 4096, '\0');
    write_file(fs::path(directory.path()) / name, damaged);
    const Outcome outcome = read_damaged(directory);
    EXPECT_EQ(outcome.found, outcome.read + outcome.quarantined) << "page " << page;
    EXPECT_GE(outcome.found, static_cast<std::uint64_t>(kRows));
    EXPECT_LE(outcome.found, pristine.records);
  }
}

HUB_TEST(JournalDamage, AFileThatEndsTooEarlyIsCounted) {
  const Pristine pristine;
  JournalDirectory directory;
  for (const std::size_t index : {std::size_t{1}, pristine.segments.size() - 1}) {
    const auto& [name, content] = pristine.segments[index];
    for (std::size_t size = 0; size < content.size(); size += 1777) {
      pristine.copy_to(directory);
      write_file(fs::path(directory.path()) / name,
                 {content.begin(), content.begin() + static_cast<std::ptrdiff_t>(size)});
      const Outcome outcome = read_damaged(directory);
      EXPECT_EQ(outcome.found, outcome.read + outcome.quarantined) << name << " of " << size;
    }
  }
}

HUB_TEST(JournalDamage, WhatIsNoDatabaseIsPutAside) {
  const Pristine pristine;
  JournalDirectory directory;
  pristine.copy_to(directory);
  const auto& [name, content] = pristine.segments.back();
  write_file(fs::path(directory.path()) / name, Content(9999, '#'));
  const Outcome outcome = read_damaged(directory);
  EXPECT_EQ(outcome.found, outcome.read);
  ASSERT_THAT(directory.quarantined(), SizeIs(1));
  EXPECT_EQ(read_file(directory.quarantined()[0]), Content(9999, '#'));
}

HUB_TEST(JournalDamage, OfTheNewestSegmentsHeadCostsNoOlderOneHoweverOftenItIsOpened) {
  JournalDirectory directory;
  write_rows(directory);
  ASSERT_GE(directory.segments().size(), 3u);
  std::fstream(directory.segments().back(), std::ios::binary | std::ios::in | std::ios::out).put('s');  // of "SQLite"
  std::vector<std::string> texts;
  for (int start = 0; start < 3; ++start) {
    TestJournal journal(small_segments(directory));
    if (start == 0) texts = journal.read().texts();
    EXPECT_EQ(journal->found().records, journal.read().quarantined + total_of(journal.read()));
    EXPECT_EQ(journal.read().texts(), texts) << start;
    texts.push_back(std::to_string(start));
    journal.append(texts.back());
    journal.flush();
  }
  EXPECT_GT(texts.size(), 300u);
  EXPECT_THAT(directory.quarantined(), SizeIs(1));
}

// The reader of the segment that is being written takes notice of each commit when it is asked.
HUB_TEST(JournalDamage, OfASummaryIsNoReasonToSkipItsRows) {
  testing_support::TempFolder folder;
  const std::string path = folder.path() + "/segment";
  write_file(path, {});
  const JournalSalt salt{};
  JournalSegment::create(path, salt, {}, {}, {});
  const auto segment = JournalSegment::open(path, salt, {});
  const auto commit = [&](std::int64_t place) {
    const auto row = entry("row");
    row->place = place;
    const ingest::Entry* const pointer = row.get();
    segment->commit({&pointer, 1}, std::nullopt);
  };
  commit(1);
  JournalReader reader(*segment, {.first = 1, .end = 1}, JournalReader::Known{.last = 1, .records = 1});
  commit(2);
  commit(3);
  segment->database().execute("UPDATE summary SET checksum = checksum + 1 WHERE number = 2");
  reader.refresh(3);
  Journal::Page page;
  while (page.read_to < 3 && reader.read_cell({.max_rows = 100, .max_bytes = 1 << 20}, page)) {
  }
  EXPECT_THAT(page.rows, SizeIs(3));
  EXPECT_EQ(page.quarantined(), 0u);
  EXPECT_TRUE(reader.damaged());
}

HUB_TEST(JournalDamage, HoldsUpNobodyWhoOnlyLooksAgainAtWhatWasStored) {
  JournalDirectory directory;
  write_rows(directory);
  {
    TestJournal journal(small_segments(directory));
    journal->set_position({kRows, 0, 0});
  }
  const auto segments = directory.segments();
  ASSERT_GE(segments.size(), 3u);
  write_file(segments[1], Content(4096, 'x'));
  TestJournal journal(small_segments(directory));
  EXPECT_EQ(journal->found().position, kRows);
  EXPECT_EQ(journal->found().records, 0u);
  const auto all = journal.read(0);
  EXPECT_GT(all.rows.size(), 0u);
  EXPECT_LT(all.rows.size(), static_cast<std::size_t>(kRows));
}

HUB_TEST(JournalDamage, IsKeptWhenTheSegmentGoes) {
  const Pristine pristine;
  JournalDirectory directory;
  pristine.copy_to(directory);
  const auto& [name, content] = pristine.segments[1];
  const fs::path path = fs::path(directory.path()) / name;
  sqlite::Database(path, sqlite::OpenMode::kWrite)
      .execute("UPDATE datagram SET entry = zeroblob(length(entry)) WHERE place = (SELECT min(place) FROM datagram)");
  const Content damaged = read_file(path);
  ASSERT_NE(damaged, content);
  TestJournal journal(small_segments(directory));
  const auto all = journal.read();
  EXPECT_THAT(all.rows, SizeIs(kRows - 1));
  EXPECT_GE(all.quarantined, 1u);
  EXPECT_LE(all.quarantined, 3u);
  journal->set_position(kRows);
  EXPECT_TRUE(ingest::testing::eventually([&] { return directory.segments().size() == 1; }));
  ASSERT_THAT(directory.quarantined(), SizeIs(1));
  EXPECT_EQ(read_file(directory.quarantined()[0]), damaged);
}

HUB_TEST(JournalDamage, SegmentsThatAreMissingOrAreThereTwiceDoNoHarm) {
  const Pristine pristine;
  JournalDirectory directory;
  pristine.copy_to(directory);
  fs::remove(fs::path(directory.path()) / pristine.segments[1].first);
  Outcome outcome = read_damaged(directory);
  EXPECT_EQ(outcome.found, outcome.read + outcome.quarantined);

  pristine.copy_to(directory);
  std::string twin = pristine.segments[1].first.string();
  twin.replace(twin.rfind('-') - 8, 8, "00000077");
  write_file(fs::path(directory.path()) / twin, pristine.segments[1].second);
  outcome = read_damaged(directory);
  EXPECT_EQ(outcome.read, pristine.records);
  EXPECT_EQ(outcome.quarantined, 0u);

  pristine.copy_to(directory);
  write_file(fs::path(directory.path()) / pristine.segments[0].first, pristine.segments[1].second);
  write_file(fs::path(directory.path()) / pristine.segments[1].first, pristine.segments[0].second);
  outcome = read_damaged(directory);
  EXPECT_EQ(outcome.found, outcome.read + outcome.quarantined);
}

}  // namespace
}  // namespace hilera::testing
