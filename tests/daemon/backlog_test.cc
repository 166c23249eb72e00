#include "daemon/backlog.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "daemon/sqlite.h"
#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "tests/daemon/faulty_vfs.h"
#include "tests/daemon/journal_fixture.h"

namespace hilera::testing {
namespace {

constexpr std::uint32_t kParts = 4;
constexpr int kRows = 4'000;
constexpr BacklogLimits kSmall{.rows = 50, .rows_read = 100, .bytes_read = 1 << 20};

// One part, which asks where the last page ended.
class Asker {
 public:
  Asker(Backlog& backlog, std::uint32_t part) : backlog_(backlog), part_(part) {}

  // False: there was nothing more.
  bool ask() {
    Journal::Page page = backlog_.read(part_, read_to_);
    EXPECT_LE(page.rows.size(), kSmall.rows);
    for (const JournalRow& row : page.rows) {
      EXPECT_EQ(row.domain % kParts, part_);
      EXPECT_GT(row.place, read_to_);
      EXPECT_LE(row.place, page.read_to);
      texts_.emplace_back(ingest::as_text(row.bytes));
    }
    quarantined_ += page.quarantined();
    return std::exchange(read_to_, page.read_to) < page.read_to;
  }
  void ask_for_all() {
    while (ask()) {
    }
  }

  [[nodiscard]] std::int64_t read_to() const { return read_to_; }
  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }
  [[nodiscard]] std::uint64_t quarantined() const { return quarantined_; }

 private:
  Backlog& backlog_;
  std::uint32_t part_;
  std::int64_t read_to_ = 0;
  std::vector<std::string> texts_;
  std::uint64_t quarantined_ = 0;
};

std::vector<Asker> askers(Backlog& backlog) {
  std::vector<Asker> all;
  for (std::uint32_t part = 0; part < kParts; ++part)
    all.emplace_back(backlog, part);
  return all;
}

void expect_everything(TestJournal& journal, const std::vector<Asker>& askers) {
  for (std::uint32_t part = 0; part < kParts; ++part)
    EXPECT_EQ(askers[part].texts(), journal.read(0, part, kParts).texts()) << "part " << part;
}

HUB_TEST(Backlog, ReadsOnceForAllThatStandAtTheSamePlace) {
  JournalDirectory directory;
  TestJournal journal(directory);
  journal.append_numbers(1, kRows, 500);
  Backlog backlog(*journal, kParts, kSmall);
  auto all = askers(backlog);
  for (bool more = true; more;) {
    more = false;
    for (Asker& asker : all)
      more = asker.ask() || more;
  }
  expect_everything(journal, all);
  EXPECT_EQ(backlog.rows_read(), static_cast<std::uint64_t>(kRows));
  EXPECT_EQ(backlog.waiting(), 0u);
}

HUB_TEST(Backlog, GivesEveryPartItsRowsInOrderHoweverFastItAsks) {
  JournalDirectory directory;
  TestJournal journal(directory);
  journal.append_numbers(1, kRows, 500, 37);
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    Backlog backlog(*journal, kParts, kSmall);
    auto all = askers(backlog);
    std::discrete_distribution<std::size_t> pick(
        {1, static_cast<double>(random() % 5), 3, static_cast<double>(random() % 50)});
    for (int turn = 0; turn < 300; ++turn) {
      const std::size_t part = pick(random);
      all[part].ask();
      if (random() % 20 == 0) backlog.leave(static_cast<std::uint32_t>(part));
    }
    for (Asker& asker : all)
      asker.ask_for_all();
    expect_everything(journal, all);
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
}

HUB_TEST(Backlog, KeepsLittleForOneThatDoesNotAskAndGoesOnWithoutIt) {
  JournalDirectory directory;
  TestJournal journal(directory);
  journal.append_numbers(1, kRows, 500);
  Backlog backlog(*journal, kParts, kSmall);
  auto all = askers(backlog);
  all[2].ask();
  for (const std::uint32_t part : {0U, 1U, 3U})
    all[part].ask_for_all();
  EXPECT_LE(backlog.waiting(), kSmall.rows_read * (kParts + 1));
  for (const std::uint32_t part : {0U, 1U, 3U})
    EXPECT_EQ(all[part].read_to(), kRows);
  all[2].ask_for_all();
  expect_everything(journal, all);
}

HUB_TEST(Backlog, KeepsLittleOfLargeRows) {
  JournalDirectory directory;
  TestJournal journal(directory);
  const std::string large(10'000, 'x');
  for (std::uint32_t row = 0; row < 400; ++row)
    journal.append(large, row);
  journal.flush();
  Backlog backlog(*journal, kParts, {.rows = 50, .rows_read = 100, .bytes_read = 200'000});
  auto all = askers(backlog);
  all[2].ask();
  for (const std::uint32_t part : {0U, 1U, 3U})
    all[part].ask_for_all();
  EXPECT_LE(backlog.waiting(), 40u) << "one page, and what was short of one";
  all[2].ask_for_all();
  expect_everything(journal, all);
}

HUB_TEST(Backlog, BringsOneThatFellBehindInStepAgain) {
  JournalDirectory directory;
  TestJournal journal(directory);
  journal.append_numbers(1, kRows, 500);
  Backlog backlog(*journal, kParts, kSmall);
  auto all = askers(backlog);
  while (all[0].read_to() < kRows / 2)
    all[0].ask();
  const std::int64_t ahead = all[0].read_to();
  for (const std::uint32_t part : {1U, 2U, 3U})
    while (all[part].read_to() < ahead)
      all[part].ask();
  for (const Asker& asker : all)
    EXPECT_EQ(asker.read_to(), ahead);
  const std::uint64_t read = backlog.rows_read();
  all[1].ask();
  EXPECT_EQ(backlog.rows_read(), read + kSmall.rows_read * kParts) << "for all four";
}

HUB_TEST(Backlog, ForgetsWhatAPartThatLeftWasToGet) {
  JournalDirectory directory;
  TestJournal journal(directory);
  journal.append_numbers(1, kRows, 500);
  Backlog backlog(*journal, kParts, kSmall);
  auto all = askers(backlog);
  for (int round = 0; round < 3; ++round)
    for (Asker& asker : all)
      asker.ask();
  ASSERT_GT(backlog.waiting(), 0u);
  for (std::uint32_t part = 0; part < kParts; ++part)
    backlog.leave(part);
  EXPECT_EQ(backlog.waiting(), 0u);
  for (Asker& asker : all)
    asker.ask_for_all();
  expect_everything(journal, all);
}

HUB_TEST(Backlog, SurvivesThatWhoReadsForOthersIsKilled) {
  JournalDirectory directory;
  TestJournal journal(directory);
  journal.append_numbers(1, kRows, 500);
  Backlog backlog(*journal, kParts, kSmall);
  auto all = askers(backlog);
  for (Asker& asker : all)
    asker.ask();
  const auto reading = greenrt::spawn([&] { backlog.read(0, all[0].read_to()); });
  const auto waiting = greenrt::spawn([&] { all[1].ask_for_all(); });
  greenrt::yield();
  reading->kill();
  waiting->join();
  EXPECT_EQ(all[1].read_to(), kRows);
  for (Asker& asker : all)
    asker.ask_for_all();
  expect_everything(journal, all);
}

HUB_TEST(Backlog, TellsWhoAskedThatTheDiskCannotBeRead) {
  FaultyVfs vfs;
  JournalDirectory directory;
  TestJournal journal(JournalOptions{.directory = directory.path(), .segment_size = 64 << 10, .vfs = vfs.name()});
  journal.append_numbers(1, kRows, 500);
  Backlog backlog(*journal, kParts, kSmall);
  auto all = askers(backlog);
  vfs.fail(FaultyVfs::Operation::kRead, FaultyVfs::Failure::kIoError);
  for (Asker& asker : all)
    EXPECT_THROW(asker.ask_for_all(), std::runtime_error);
  vfs.heal();
  for (Asker& asker : all)
    asker.ask_for_all();
  expect_everything(journal, all);
}

// The numbers stand at the places of their value, and domain n % 4 is of part n % 4.
void damage(const JournalDirectory& directory, const std::string& where) {
  sqlite::Database(directory.segments()[0], sqlite::OpenMode::kWrite)
      .execute(("UPDATE datagram SET entry = substr(entry, 1, length(entry) - 1) || x'ff' WHERE " + where).c_str());
}

HUB_TEST(Backlog, CountsWhatCannotBeReadForThePartWhoseItWas) {
  JournalDirectory directory;
  { TestJournal(directory).append_numbers(1, kRows, 500); }
  damage(directory, "place IN (101, 201, 301, 402)");
  TestJournal journal(directory);
  Backlog backlog(*journal, kParts, kSmall);
  auto all = askers(backlog);
  for (bool more = true; more;) {
    more = false;
    for (Asker& asker : all)
      more = asker.ask() || more;
  }
  EXPECT_EQ(all[0].quarantined(), 0u);
  EXPECT_EQ(all[1].quarantined(), 3u);
  EXPECT_EQ(all[2].quarantined(), 1u);
  EXPECT_EQ(all[3].quarantined(), 0u);
}

// The others are live: theirs came to the store from memory.
HUB_TEST(Backlog, CountsNothingOfPartsThatDoNotRead) {
  JournalDirectory directory;
  { TestJournal(directory).append_numbers(1, kRows, 500); }
  damage(directory, "place IN (101, 201, 301, 402)");
  TestJournal journal(directory);
  Backlog backlog(*journal, kParts, kSmall);
  auto all = askers(backlog);
  all[2].ask_for_all();
  EXPECT_EQ(all[2].quarantined(), 1u);
  all[0].ask_for_all();
  EXPECT_EQ(all[0].quarantined(), 0u);
}

HUB_TEST(Backlog, CountsWhatNamesNoPartOnceAndForPartZero) {
  JournalDirectory directory;
  { TestJournal(directory).append_numbers(1, kRows, 500); }
  sqlite::Database(directory.segments()[0], sqlite::OpenMode::kWrite)
      .execute("DELETE FROM datagram WHERE place % 1000 = 77");
  TestJournal journal(directory);
  const std::uint64_t lost = journal.read(0, 0, kParts).quarantined;
  ASSERT_GE(lost, 4u);
  Backlog backlog(*journal, kParts, kSmall);
  auto all = askers(backlog);
  for (bool more = true; more;) {
    more = false;
    for (Asker& asker : all)
      more = asker.ask() || more;
  }
  EXPECT_EQ(all[0].quarantined(), lost);
  for (const std::uint32_t part : {1U, 2U, 3U})
    EXPECT_EQ(all[part].quarantined(), 0u);
  expect_everything(journal, all);
}

}  // namespace
}  // namespace hilera::testing
