// What becomes of the files: they begin, are sealed, and go; the position; the limits.

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

#include "daemon/journal.h"
#include "daemon/sqlite.h"
#include "ingest/custody.h"
#include "tests/daemon/journal_fixture.h"

namespace hilera::testing {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace fs = std::filesystem;

JournalOptions small_segments(const JournalDirectory& directory) {
  return {.directory = directory.path(), .segment_size = 64 << 10};
}

// Twenty rows of 1 KiB a commit.
void append_kib(TestJournal& journal, int count) {
  for (int i = 1; i <= count; ++i) {
    journal.append(std::string(1024, 'x'));
    if (i % 20 == 0) journal.flush();
  }
  journal.flush();
}

std::string reason_of(TestJournal& journal, std::size_t size = 1) {
  try {
    journal.append(std::string(size, 'x'));
    return "";
  } catch (const ingest::CustodyRefused& refused) {
    return std::string(ingest::kDropReasonNames[static_cast<std::size_t>(refused.reason())]);
  }
}

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 0777U;
}

HUB_TEST(JournalSegments, AreForTheirOwnerOnly) {
  JournalDirectory directory;
  TestJournal journal(directory);
  append_kib(journal, 20);
  EXPECT_EQ(mode_of(directory.path()), 0700u);
  for (const auto& file : fs::directory_iterator(directory.path()))
    EXPECT_EQ(mode_of(file.path()), 0600u) << file.path();
}

HUB_TEST(JournalSegments, FollowEachOtherAndAreReadAsOne) {
  JournalDirectory directory;
  TestJournal journal(small_segments(directory));
  journal.append_numbers(1, 5000, 200);
  EXPECT_GT(directory.segments().size(), 3u);
  EXPECT_EQ(journal.read().texts(), numbers(1, 5000));
  EXPECT_EQ(journal.read(1234).texts(), numbers(1235, 5000));
  EXPECT_EQ(journal->stats().segments, directory.segments().size());
}

HUB_TEST(JournalSegments, AreFoundAgain) {
  JournalDirectory directory;
  {
    TestJournal journal(small_segments(directory));
    journal.append_numbers(1, 3000, 100);
    journal->set_position(1717);
  }
  TestJournal journal(small_segments(directory));
  EXPECT_EQ(journal->found().last_place, 3000);
  EXPECT_EQ(journal->found().position, 1717);
  EXPECT_EQ(journal->found().records, 3000u - 1717u);
  EXPECT_EQ(journal.read(1717).texts(), numbers(1718, 3000));
}

HUB_TEST(JournalSegments, GoWhenTheStoreHasAllOfThem) {
  JournalDirectory directory;
  TestJournal journal(small_segments(directory));
  append_kib(journal, 300);
  const std::size_t before = directory.segments().size();
  ASSERT_GT(before, 4u);
  journal->set_position(150);
  EXPECT_TRUE(ingest::testing::eventually([&] { return directory.segments().size() < before; }));
  EXPECT_THAT(journal.read(150).rows, SizeIs(150));
  journal->set_position(300);
  EXPECT_TRUE(ingest::testing::eventually([&] { return directory.segments().size() == 1; }));
  EXPECT_THAT(directory.quarantined(), IsEmpty());
}

HUB_TEST(JournalSegments, OutliveTheirLastUseByTheGraceTime) {
  JournalDirectory directory;
  JournalOptions options = small_segments(directory);
  options.grace = std::chrono::hours(1);
  TestJournal journal(options);
  append_kib(journal, 300);
  const std::size_t before = directory.segments().size();
  journal->set_position(300);
  append_kib(journal, 20);
  EXPECT_GE(directory.segments().size(), before);
  journal->set_position(10);  // the server that had them is gone
  EXPECT_THAT(journal.read(10).rows, SizeIs(310));
}

HUB_TEST(JournalSegments, AreKeptForGraceInHalfOfMaxSizeOnly) {
  JournalDirectory directory;
  JournalOptions options{.directory = directory.path(), .max_size = 2 << 20};
  options.grace = std::chrono::hours(1);
  TestJournal journal(options);
  // Far more than max_size: what is kept for grace alone is never a reason to refuse.
  for (int i = 0; i < 200; ++i) {
    append_kib(journal, 20);
    journal->set_position(journal->durable_place());
    EXPECT_EQ(journal->stats().problem, "");
  }
  EXPECT_GT(directory.segments().size(), 1u);
  EXPECT_TRUE(ingest::testing::eventually([&] { return journal->stats().bytes <= options.max_size / 2; }));
  journal->set_position({4000, 0, 0});
  EXPECT_THAT(journal.read(0).rows, SizeIs(::testing::AllOf(::testing::Gt(100u), ::testing::Lt(1100u))));
}

HUB_TEST(JournalSegments, AreKeptForWhoNeedsThemThoughThePositionIsFurther) {
  JournalDirectory directory;
  TestJournal journal(small_segments(directory));
  append_kib(journal, 300);
  journal->set_position({300, 20, 20});
  append_kib(journal, 20);
  EXPECT_THAT(journal.read(20).rows, SizeIs(300));
  journal->set_position(320);
  EXPECT_TRUE(ingest::testing::eventually([&] { return directory.segments().size() == 1; }));
}

HUB_TEST(JournalSegments, AreReadUpToAPlace) {
  JournalDirectory directory;
  TestJournal journal(small_segments(directory));
  journal.append_numbers(1, 3000, 100);
  const auto texts = [&](std::int64_t after, std::int64_t until) {
    std::vector<std::string> read;
    const Journal::Page page = journal->read(after, {}, 10'000, 1 << 20, until);
    EXPECT_EQ(page.read_to, until);
    for (const JournalRow& row : page.rows)
      read.emplace_back(ingest::as_text(row.bytes));
    return read;
  };
  EXPECT_EQ(texts(0, 1), numbers(1, 1));
  EXPECT_EQ(texts(500, 511), numbers(501, 511));
  EXPECT_EQ(texts(500, 512), numbers(501, 512));
  EXPECT_EQ(texts(7, 2345), numbers(8, 2345));
  EXPECT_THAT(texts(3000, 3000), IsEmpty());
}

HUB_TEST(JournalSegments, RememberWhatTheStoreIsSureOf) {
  JournalDirectory directory;
  JournalOptions options = small_segments(directory);
  options.grace = std::chrono::hours(1);
  {
    TestJournal journal(options);
    journal.append_numbers(1, 3000, 100);
    journal->set_position({2000, 1500, 700});
  }
  {
    TestJournal journal(options);
    EXPECT_EQ(journal->found().position, 2000);
    EXPECT_EQ(journal->found().sure, 700);
    EXPECT_EQ(journal->found().records, 1000u) << "behind the position";
    EXPECT_EQ(journal.read(0).texts(), numbers(1, 3000));
  }
  TestJournal without_grace(small_segments(directory));
  EXPECT_EQ(without_grace->found().position, 2000);
  EXPECT_EQ(without_grace->found().sure, 700) << "what was in doubt stays in doubt, whatever is configured now";
}

HUB_TEST(JournalSegments, DoubtEverythingWhenNobodyCanTellWhatWasSure) {
  JournalDirectory directory;
  {
    TestJournal journal(directory);
    journal.append_numbers(1, 100);
    journal->set_position({60, 60, 50});
  }
  sqlite::Database(directory.segments().at(0), sqlite::OpenMode::kWrite)
      .execute("UPDATE position SET place = 55 WHERE id = 2");
  TestJournal journal(directory);
  EXPECT_EQ(journal->found().position, 60);
  EXPECT_EQ(journal->found().sure, 0);
}

HUB_TEST(JournalSegments, AreSureOfEverythingWhenAnOlderProgramHasWrittenThem) {
  JournalDirectory directory;
  {
    TestJournal journal(directory);
    journal.append_numbers(1, 100);
    journal->set_position(60);
  }
  sqlite::Database(directory.segments().at(0), sqlite::OpenMode::kWrite).execute("DELETE FROM position WHERE id = 2");
  JournalOptions options{.directory = directory.path()};
  options.grace = std::chrono::hours(1);
  TestJournal journal(options);
  EXPECT_EQ(journal->found().position, 60);
  EXPECT_EQ(journal->found().sure, 60);
}

HUB_TEST(JournalSegments, RememberThePositionThatWentBack) {
  JournalDirectory directory;
  for (const std::int64_t position : {90, 20}) {
    TestJournal journal(directory);
    if (position == 90) journal.append_numbers(1, 100);
    journal->set_position(position);
  }
  TestJournal journal(directory);
  EXPECT_EQ(journal->found().position, 20);
  EXPECT_EQ(journal->found().records, 80u);
}

HUB_TEST(JournalSegments, KeepToMaxSizeAndTakeAgainWhenThereIsRoom) {
  JournalDirectory directory;
  JournalOptions options{.directory = directory.path(), .max_size = 2 << 20};
  TestJournal journal(options);
  std::string reason;
  int taken = 0;
  while ((reason = reason_of(journal, 1024)).empty() && ++taken < 10'000) {
    if (taken % 50 == 0) journal.flush();
  }
  EXPECT_EQ(reason, "journal_full");
  EXPECT_GT(taken, 500);
  EXPECT_THAT(journal->stats().problem, HasSubstr("max_size"));
  journal.flush();
  std::uint64_t bytes = 0;
  for (const auto& file : fs::directory_iterator(directory.path()))
    bytes += fs::file_size(file.path());
  EXPECT_LE(bytes, options.max_size);
  EXPECT_THAT(journal.lost(), IsEmpty());

  journal->set_position(journal->durable_place());
  EXPECT_TRUE(ingest::testing::eventually([&] { return journal->stats().problem.empty(); }));
  EXPECT_EQ(reason_of(journal), "");
  journal.flush();
}

HUB_TEST(JournalSegments, RefuseWhatWouldWaitTooLong) {
  JournalDirectory directory;
  TestJournal journal({.directory = directory.path(), .max_waiting = 3});
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(reason_of(journal), "");
  EXPECT_EQ(reason_of(journal), "journal_busy");
  journal.flush();
  EXPECT_EQ(reason_of(journal), "");
  journal.flush();
  EXPECT_EQ(journal->durable_place(), 4) << "what was refused has no place";
}

HUB_TEST(JournalSegments, BelongToOneProcess) {
  JournalDirectory directory;
  TestJournal journal(directory);
  try {
    TestJournal second(directory);
    FAIL() << "there are two";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr(directory.path()));
    EXPECT_THAT(error.what(), HasSubstr("another process"));
  }
}

HUB_TEST(JournalSegments, NeedAFolder) {
  JournalDirectory directory;
  fs::create_directories(fs::path(directory.path()).parent_path());
  fs::create_symlink("/dev/null", directory.path());
  EXPECT_THROW(TestJournal journal(directory), std::runtime_error);
}

HUB_TEST(JournalSegments, LogsWithoutTheirDatabaseAreSweptAway) {
  JournalDirectory directory;
  { TestJournal(directory).append_numbers(1, 10); }
  const fs::path segment = directory.segments().at(0);
  fs::rename(segment, segment.string() + "-wal");
  TestJournal journal(directory);
  EXPECT_FALSE(fs::exists(segment.string() + "-wal"));
}

HUB_TEST(Journal, AReaderThatIsKilledLeavesNothingBehind) {
  JournalDirectory directory;
  TestJournal journal(directory);
  journal.append_numbers(1, 2000, 500);
  const auto reader = greenrt::spawn([&] { journal.read(0, 1, 2); });
  greenrt::yield();
  reader->kill();
  reader->join();
  EXPECT_EQ(journal.read().texts(), numbers(1, 2000));
}

HUB_TEST(Journal, WhoReadsOrFlushesWhenItIsClosedIsToldSo) {
  JournalDirectory directory;
  std::optional<TestJournal> journal(directory);
  journal->append_numbers(1, 100);
  std::string told;
  bool flushed = false;
  const auto reader = greenrt::spawn([&] {
    try {
      (*journal)->read(0, JournalParts::one(1, 2), 1, 1);
    } catch (const greenrt::Closed& closed) {
      told = closed.what();
    }
  });
  const auto flusher = greenrt::spawn([&] {
    journal->append("last");
    flushed = (*journal)->flush(seconds(30));
  });
  greenrt::yield();
  journal.reset();
  reader->join();
  flusher->join();
  EXPECT_TRUE(told.empty() || told == "the journal was closed");
  EXPECT_TRUE(flushed);
}

}  // namespace
}  // namespace hilera::testing
