// The journal of a daemon that does not run: everything in it is read, and nothing of it changes.

#include "daemon/journal_snapshot.h"

#include <stdlib.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>

#include "tests/daemon/journal_fixture.h"

namespace hilera::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

JournalOptions small_segments(const JournalDirectory& directory) {
  return {.directory = directory.path(), .segment_size = 32 << 10, .grace = std::chrono::hours(1)};
}

std::string content_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// Every file below a folder, with a hash of what is in it.
std::map<std::string, std::size_t> everything_in(const fs::path& folder) {
  std::map<std::string, std::size_t> files;
  for (const auto& file : fs::recursive_directory_iterator(folder))
    files[file.path().string()] = file.is_regular_file() ? std::hash<std::string>()(content_of(file.path())) : 0;
  return files;
}

// Temporary files go to a folder of the test, so that it sees what is left there.
class TemporaryFiles {
 public:
  TemporaryFiles() { ::setenv("TMPDIR", folder_.path().c_str(), 1); }
  ~TemporaryFiles() {
    if (before_) {
      ::setenv("TMPDIR", before_->c_str(), 1);
    } else {
      ::unsetenv("TMPDIR");
    }
  }
  TemporaryFiles(const TemporaryFiles&) = delete;
  TemporaryFiles& operator=(const TemporaryFiles&) = delete;

  [[nodiscard]] std::map<std::string, std::size_t> left() const { return everything_in(folder_.path()); }

 private:
  static std::optional<std::string> variable() {
    const char* value = ::getenv("TMPDIR");
    return value ? std::optional<std::string>(value) : std::nullopt;
  }

  testing_support::TempFolder folder_;
  std::optional<std::string> before_ = variable();
};

std::string reason_of(const fs::path& directory) {
  try {
    const JournalSnapshot snapshot(directory);
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

HUB_TEST(JournalSnapshot, HasWhatTheDaemonLeft) {
  JournalDirectory directory;
  const TemporaryFiles temporary;
  TestJournal(small_segments(directory)).append_numbers(1, 1000);
  ASSERT_GT(directory.segments().size(), 2u);
  const auto before = everything_in(directory.path());
  {
    const JournalSnapshot snapshot(directory.path());
    TestJournal journal(snapshot.options());
    EXPECT_EQ(journal->found().last_place, 1000);
    EXPECT_EQ(journal->found().records, 1000u);
    EXPECT_EQ(journal->stats().segments, directory.segments().size());
    EXPECT_EQ(journal.read().texts(), numbers(1, 1000));
    EXPECT_EQ(snapshot.damaged(), 0u);
  }
  EXPECT_EQ(everything_in(directory.path()), before);
  EXPECT_THAT(temporary.left(), IsEmpty());
}

HUB_TEST(JournalSnapshot, HasWhatADaemonThatCrashedLeftInItsLog) {
  JournalDirectory directory;
  JournalDirectory crashed;
  {
    TestJournal journal(small_segments(directory));
    journal.append_numbers(1, 900);
  }
  {
    TestJournal quiet({.directory = directory.path()});
    quiet.append_numbers(901, 1000);
    fs::copy(directory.path(), crashed.path());
  }
  ASSERT_TRUE(fs::exists(crashed.segments().back().string() + "-wal"));
  const auto before = everything_in(crashed.path());
  {
    const JournalSnapshot snapshot(crashed.path());
    TestJournal journal(snapshot.options());
    EXPECT_EQ(journal.read().texts(), numbers(1, 1000));
  }
  EXPECT_EQ(everything_in(crashed.path()), before);
}

HUB_TEST(JournalSnapshot, HasWhatTheDatabaseHasAlready) {
  JournalDirectory directory;
  {
    TestJournal journal(small_segments(directory));
    journal.append_numbers(1, 1000);
    journal->set_position(900);
  }
  const JournalSnapshot snapshot(directory.path());
  TestJournal journal(snapshot.options());
  EXPECT_EQ(journal->found().position, 900);
  EXPECT_EQ(journal->found().records, 100u);
  EXPECT_EQ(journal.read().texts(), numbers(1, 1000));
}

HUB_TEST(JournalSnapshot, CountsWhatIsDamagedAndLeavesItWhereItIs) {
  JournalDirectory directory;
  TestJournal(small_segments(directory)).append_numbers(1, 1000);
  const auto segment = directory.segments().at(1);
  std::string content = content_of(segment);
  for (auto row = content.find("trackers"); row != std::string::npos; row = content.find("trackers"))
    content[row] = 'T';
  std::ofstream(segment, std::ios::binary | std::ios::trunc) << content;
  const auto before = everything_in(directory.path());
  {
    const JournalSnapshot snapshot(directory.path());
    TestJournal journal(snapshot.options());
    const auto all = journal.read();
    EXPECT_EQ(all.rows.size() + all.quarantined, 1000u);
    EXPECT_GT(all.quarantined, 0u);
    EXPECT_EQ(snapshot.damaged(), 1u);
  }
  EXPECT_EQ(everything_in(directory.path()), before);
}

HUB_TEST(JournalSnapshot, IsRefusedWhileADaemonRuns) {
  JournalDirectory directory;
  const TemporaryFiles temporary;
  TestJournal journal(directory);
  journal.append_numbers(1, 3);
  EXPECT_THAT(reason_of(directory.path()), HasSubstr("in use by a running daemon"));
}

HUB_TEST(JournalSnapshot, MayBeOneOfSeveral) {
  JournalDirectory directory;
  TestJournal(directory).append_numbers(1, 3);
  const JournalSnapshot one(directory.path());
  const JournalSnapshot another(directory.path());
  EXPECT_EQ(TestJournal(one.options()).read().texts(), numbers(1, 3));
  EXPECT_EQ(TestJournal(another.options()).read().texts(), numbers(1, 3));
}

HUB_TEST(JournalSnapshot, KeepsNoDaemonFromRunningAndDeletingWhatItReads) {
  JournalDirectory directory;
  auto options = small_segments(directory);
  TestJournal(options).append_numbers(1, 1000);
  const auto segments = directory.segments();
  ASSERT_GT(segments.size(), 2u);
  const JournalSnapshot snapshot(directory.path());
  {
    options.grace = std::chrono::seconds::zero();
    TestJournal daemon(options);
    daemon.append_numbers(1001, 2000);
    daemon->set_position(2000);
    daemon.append_numbers(2001, 2100);
  }
  ASSERT_FALSE(fs::exists(segments.front()));
  ASSERT_FALSE(fs::exists(segments.back()));
  TestJournal reading(snapshot.options());
  EXPECT_EQ(reading->found().last_place, 1000);
  EXPECT_EQ(reading.read().texts(), numbers(1, 1000));
}

HUB_TEST(JournalSnapshot, ReadsACopyWithoutALock) {
  JournalDirectory directory;
  TestJournal(directory).append_numbers(1, 3);
  fs::remove(fs::path(directory.path()) / "lock");
  const JournalSnapshot snapshot(directory.path());
  EXPECT_EQ(TestJournal(snapshot.options()).read().texts(), numbers(1, 3));
  EXPECT_FALSE(fs::exists(fs::path(directory.path()) / "lock"));
}

HUB_TEST(JournalSnapshot, SaysWhenThereIsNoJournal) {
  const testing_support::TempFolder empty;
  const TemporaryFiles temporary;
  EXPECT_THAT(reason_of(empty.path()), HasSubstr(empty.path() + ": holds no journal"));
  EXPECT_THAT(reason_of(empty.path() + "/none"), HasSubstr("/none"));
  EXPECT_THAT(everything_in(empty.path()), IsEmpty());
  EXPECT_THAT(temporary.left(), IsEmpty());
}

HUB_TEST(JournalSnapshot, SaysWhenThereIsNoRoomForCopies) {
  JournalDirectory directory;
  TestJournal(directory).append_numbers(1, 3);
  const TemporaryFiles temporary;
  ::setenv("TMPDIR", "/nonexistent", 1);
  EXPECT_THAT(reason_of(directory.path()), HasSubstr("TMPDIR: "));
}

}  // namespace
}  // namespace hilera::testing
