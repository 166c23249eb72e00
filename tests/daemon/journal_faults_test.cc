// Disks that fail, fill up, and lose their power.

#include <chrono>
#include <filesystem>
#include <optional>
#include <random>
#include <string>

#include "daemon/journal.h"
#include "ingest/custody.h"
#include "tests/daemon/faulty_vfs.h"
#include "tests/daemon/folder_sync_fault.h"
#include "tests/daemon/journal_fixture.h"

namespace hilera::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Failure = FaultyVfs::Failure;
using Operation = FaultyVfs::Operation;

struct FaultyDisk {
  FaultyVfs vfs;
  JournalDirectory directory;
  JournalOptions options{.directory = directory.path(), .patience = milliseconds(50), .vfs = vfs.name()};
};

std::string reason_of(TestJournal& journal) {
  try {
    journal.append("x");
    return "";
  } catch (const ingest::CustodyRefused& refused) {
    return std::string(ingest::kDropReasonNames[static_cast<std::size_t>(refused.reason())]);
  }
}

HUB_TEST(JournalFaults, AnErrorOfAnySyscallMovesTheJournalToANewSegment) {
  for (const Operation operation : {Operation::kWrite, Operation::kSync}) {
    for (int skip = 0; skip < 8; ++skip) {
      FaultyDisk disk;
      {
        TestJournal journal(disk.options);
        journal.append_numbers(1, 100);
        disk.vfs.fail(operation, Failure::kIoError, skip, 1);
        journal.append_numbers(101, 1000);
        EXPECT_EQ(journal->stats().io_errors, 1u);
        EXPECT_EQ(disk.directory.segments().size(), 2u);
        EXPECT_THAT(journal.lost(), IsEmpty());
        EXPECT_EQ(journal.read().texts(), numbers(1, 1000)) << skip;
        EXPECT_EQ(journal->stats().problem, "");
      }
      TestJournal journal(disk.options);
      EXPECT_EQ(journal->found().records, 1000u);
      const auto all = journal.read();
      EXPECT_EQ(all.texts(), numbers(1, 1000)) << skip;
      EXPECT_EQ(all.quarantined, 0u);
    }
  }
}

HUB_TEST(JournalFaults, WhatADiskNeverTakesIsLostAndSaidSo) {
  FaultyDisk disk;
  TestJournal journal(disk.options);
  journal.append_numbers(1, 10);
  disk.vfs.fail(Operation::kSync, Failure::kIoError);
  const auto lost = journal.append("never");
  EXPECT_FALSE(lost->wait_durable());
  EXPECT_THAT(journal.lost(), ElementsAre(11));
  EXPECT_EQ(reason_of(journal), "journal_failed");
  EXPECT_NE(journal->stats().problem, "");
  EXPECT_EQ(journal->durable_place(), 10);

  disk.vfs.heal();
  EXPECT_TRUE(ingest::testing::eventually([&] { return reason_of(journal).empty(); }));
  journal.flush();
  EXPECT_EQ(journal->stats().problem, "");
  const auto all = journal.read();
  EXPECT_THAT(all.rows, SizeIs(11)) << "and nothing that was given up";
  EXPECT_EQ(all.rows.back().place, 12);
  EXPECT_EQ(all.quarantined, 0u);
}

HUB_TEST(JournalFaults, WhatWasGivenUpDoesNotComeBack) {
  FaultyDisk disk;
  {
    TestJournal journal(disk.options);
    journal.append_numbers(1, 10);
    disk.vfs.fail(Operation::kSync, Failure::kIoError);
    EXPECT_FALSE(journal.append("never")->wait_durable());
    disk.vfs.heal();
    EXPECT_TRUE(ingest::testing::eventually([&] { return reason_of(journal).empty(); }));
  }
  TestJournal journal(disk.options);
  EXPECT_EQ(journal->found().records, 11u);
  EXPECT_THAT(journal.read().rows, SizeIs(11));
}

HUB_TEST(JournalFaults, AFullDiskRefusesUntilThereIsRoom) {
  FaultyDisk disk;
  disk.options.patience = std::chrono::hours(1);
  TestJournal journal(disk.options);
  journal.append_numbers(1, 10);
  disk.vfs.fail(Operation::kWrite, Failure::kFull);
  const auto waiting = journal.append("11");
  EXPECT_TRUE(ingest::testing::eventually([&] { return reason_of(journal) == "journal_full"; }));
  EXPECT_FALSE(waiting->durable());
  disk.vfs.heal();
  EXPECT_TRUE(waiting->wait_durable()) << "it had only to wait";
  EXPECT_EQ(reason_of(journal), "");
  journal.flush();
  EXPECT_THAT(journal.lost(), IsEmpty());
  EXPECT_EQ(disk.directory.segments().size(), 1u) << "a full disk spoils no file";
  EXPECT_EQ(journal->stats().io_errors, 0u);
}

HUB_TEST(JournalFaults, AFullDiskIsWatchedWhenNothingWaits) {
  FaultyDisk disk;
  TestJournal journal(disk.options);
  journal.append_numbers(1, 10);
  disk.vfs.fail(Operation::kWrite, Failure::kFull);
  EXPECT_FALSE(journal.append("11")->wait_durable());
  EXPECT_EQ(reason_of(journal), "journal_full");
  disk.vfs.heal();
  EXPECT_TRUE(ingest::testing::eventually([&] { return journal->stats().problem.empty(); }));
  EXPECT_EQ(reason_of(journal), "");
  journal.flush();
}

HUB_TEST(JournalFaults, ADiskThatFailsAtTheStartIsNoReasonNotToOpen) {
  FaultyDisk disk;
  { TestJournal(disk.options).append_numbers(1, 100); }
  disk.vfs.fail(Operation::kOpen, Failure::kIoError);
  TestJournal journal(disk.options);
  EXPECT_FALSE(journal.append("x")->wait_durable());
  EXPECT_THROW(journal->read(0, {}, 10, 1000), std::runtime_error);
  disk.vfs.heal();
  EXPECT_TRUE(ingest::testing::eventually([&] { return reason_of(journal).empty(); }));
  journal.flush();
  const auto all = journal.read();
  EXPECT_THAT(all.rows, SizeIs(101));
  EXPECT_EQ(all.quarantined, 0u);
}

HUB_TEST(JournalFaults, AReadThatFailsCanBeRepeated) {
  FaultyDisk disk;
  disk.options.segment_size = 64 << 10;
  TestJournal journal(disk.options);
  journal.append_numbers(1, 3000, 300);
  disk.vfs.fail(Operation::kRead, Failure::kIoError, 3);
  EXPECT_THROW(journal.read(), std::runtime_error);
  disk.vfs.heal();
  EXPECT_EQ(journal.read().texts(), numbers(1, 3000));
  EXPECT_EQ(journal->stats().quarantined, 0u);
}

// What one sector of the disk does not give any more costs what was in it, and holds up nobody for longer than the
// patience with the disk.
HUB_TEST(JournalFaults, ASectorThatCannotBeReadCostsWhatItHeld) {
  constexpr int kRows = 3000;
  FaultyDisk disk;
  disk.options.segment_size = 64 << 10;
  { TestJournal(disk.options).append_numbers(1, kRows, 300); }
  const auto segment = disk.directory.segments()[0];
  disk.vfs.break_sector(segment, std::filesystem::file_size(segment) / 2);
  TestJournal journal(disk.options);
  EXPECT_THROW(journal.read(), std::runtime_error) << "it may be readable soon";
  TestJournal::Everything all;
  EXPECT_TRUE(ingest::testing::eventually([&] {
    try {
      all = journal.read();
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  }));
  EXPECT_GT(all.quarantined, 0u);
  EXPECT_LT(all.quarantined, 100u);
  EXPECT_EQ(all.rows.size() + all.quarantined, static_cast<std::size_t>(kRows));
  EXPECT_THAT(disk.directory.quarantined(), SizeIs(1));
}

HUB_TEST(JournalFaults, ADiskThatGivesNothingIsWaitedForHoweverLong) {
  FaultyDisk disk;
  disk.options.patience = milliseconds(1);
  disk.options.segment_size = 64 << 10;
  TestJournal journal(disk.options);
  journal.append_numbers(1, 3000, 300);
  disk.vfs.fail(Operation::kRead, Failure::kIoError);
  for (int attempt = 0; attempt < 20; ++attempt) {
    EXPECT_THROW(journal.read(), std::runtime_error);
    greenrt::sleep(milliseconds(1));
  }
  disk.vfs.heal();
  EXPECT_EQ(journal.read().texts(), numbers(1, 3000));
  EXPECT_EQ(journal->stats().quarantined, 0u);
}

// The file is there under its name, though nobody is told so.
HUB_TEST(JournalFaults, AFileWhoseNameMayNotBeDurableIsNotTakenForTheNewestOne) {
  for (int round = 0; round < 8; ++round) {  // the order of two names of the same number is a matter of chance
    FaultyDisk disk;
    disk.options.segment_size = 32 << 10;
    {
      TestJournal journal(disk.options);
      journal.append_numbers(1, 100);
      FolderSyncFault fault;
      int number = 100;
      for (; fault.hits() == 0; number += 100)
        journal.append_numbers(number + 1, number + 100);
      journal.append_numbers(number + 1, 1500);
      EXPECT_EQ(journal->stats().io_errors, 1u);
      EXPECT_THAT(journal.lost(), IsEmpty());
    }
    TestJournal journal(disk.options);
    EXPECT_EQ(journal.read().texts(), numbers(1, 1500));
  }
}

HUB_TEST(JournalFaults, WhenItIsClosedOnADeadDiskWhatWaitsIsLost) {
  FaultyDisk disk;
  const auto waiting = entry("x");
  {
    TestJournal journal(disk.options);
    journal.append_numbers(1, 10);
    disk.vfs.fail(Operation::kSync, Failure::kIoError);
    journal->append(waiting);
  }
  EXPECT_FALSE(waiting->wait_durable());
}

// What was settled as durable is there after a loss of power, whatever the disk had got to of the rest.
HUB_TEST(JournalFaults, ALossOfPowerTakesNothingThatWasDurable) {
  std::mt19937_64 random(7);
  FaultyVfs vfs(true);
  JournalDirectory directory;
  JournalOptions options{.directory = directory.path(), .segment_size = 64 << 10, .vfs = vfs.name()};
  TestJournal journal(options);
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 50; ++i)
      journal.append(std::string(200, 'x'));
    if (round % 2 == 0) journal.flush();
    greenrt::testing::let_poll();
    const std::int64_t durable = journal->durable_place();
    JournalDirectory after;
    vfs.crash(directory.path(), after.path(), random);
    TestJournal reopened(after);
    EXPECT_GE(reopened->found().last_place, durable);
    const auto all = reopened.read();
    EXPECT_GE(all.rows.size(), static_cast<std::size_t>(durable));
    EXPECT_EQ(all.rows.size(), reopened->found().records);
    EXPECT_EQ(all.quarantined, 0u);
    EXPECT_THAT(after.quarantined(), IsEmpty());
  }
}

}  // namespace
}  // namespace hilera::testing
