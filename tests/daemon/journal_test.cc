#include "daemon/journal.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "greenrt/greenlet.h"
#include "ingest/custody.h"
#include "tests/daemon/journal_fixture.h"

namespace hilera::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace fs = std::filesystem;

HUB_TEST(Journal, MakesDurableWhatIsAppendedInOrder) {
  JournalDirectory directory;
  TestJournal journal(directory);
  EXPECT_EQ(journal->durable_place(), 0);
  const auto first = journal.append("a");
  const auto second = journal.append("b");
  EXPECT_EQ(first->place, 1);
  EXPECT_EQ(second->place, 2);
  EXPECT_FALSE(first->durable());
  EXPECT_TRUE(second->wait_durable());
  EXPECT_THAT(journal.durable(), ElementsAre(1, 2));
  EXPECT_EQ(journal->durable_place(), 2);
  EXPECT_EQ(journal->stats().appended, 2u);
  EXPECT_EQ(journal->stats().waiting, 0u);
  EXPECT_EQ(journal->stats().waiting_bytes, 0u);
}

HUB_TEST(Journal, GivesBackEveryColumn) {
  JournalDirectory directory;
  TestJournal journal(directory);
  const auto made = entry("hello", 0xfffffffe, 3);
  made->datagram.path.peer = ingest::testing::loopback("2001:db8::9", 65535);
  journal->append(made);
  journal.append("");
  journal.flush();
  const auto all = journal.read();
  ASSERT_THAT(all.rows, SizeIs(2));
  const JournalRow& row = all.rows[0];
  EXPECT_EQ(row.place, 1);
  EXPECT_EQ(row.domain, 0xfffffffe);
  EXPECT_EQ(row.arrival, made->datagram.arrival);
  EXPECT_EQ(row.listener, "trackers");
  EXPECT_EQ(row.codec, "text");
  EXPECT_EQ(row.peer, made->datagram.path.peer);
  EXPECT_EQ(row.auth_level, ingest::AuthLevel::kMac);
  EXPECT_EQ(row.records, 3u);
  EXPECT_EQ(ingest::as_text(row.bytes), "hello");
  EXPECT_EQ(all.rows[1].peer.to_string(), "192.0.2.7:4000");
  EXPECT_THAT(all.rows[1].bytes, IsEmpty());
}

HUB_TEST(Journal, GoesOnWhereItWas) {
  JournalDirectory directory;
  std::array<std::byte, 16> key{};
  std::int64_t arrival = 0;
  {
    TestJournal journal(directory);
    EXPECT_EQ(journal->found().last_place, 0);
    EXPECT_EQ(journal->found().position, 0);
    EXPECT_EQ(journal->found().records, 0u);
    EXPECT_EQ(journal->found().last_arrival, 0);
    key = journal->found().hash_key;
    journal.append_numbers(1, 10);
    arrival = journal.append("11", 0, 5)->datagram.arrival;
  }
  TestJournal journal(directory);
  EXPECT_EQ(journal->found().last_place, 11);
  EXPECT_EQ(journal->durable_place(), 11);
  EXPECT_EQ(journal->found().records, 15u);
  EXPECT_EQ(journal->found().last_arrival, arrival);
  EXPECT_EQ(journal->found().hash_key, key);
  EXPECT_EQ(journal.append("12")->place, 12);
  journal.flush();
  EXPECT_EQ(journal.read().texts(), numbers(1, 12));
}

HUB_TEST(Journal, ClosingMakesDurableWhatWaits) {
  JournalDirectory directory;
  {
    TestJournal journal(directory);
    for (const auto& text : numbers(1, 1000))
      journal.append(text);
  }
  TestJournal journal(directory);
  EXPECT_EQ(journal->found().records, 1000u);
  EXPECT_EQ(journal.read().texts(), numbers(1, 1000));
}

HUB_TEST(Journal, FindsExactlyWhatLiesBehindThePosition) {
  JournalDirectory directory;
  for (const std::int64_t position : {0, 1, 499, 500, 511, 512, 777, 999, 1000}) {
    fs::remove_all(directory.path());
    {
      TestJournal journal(directory);
      for (int number = 1; number <= 1000; ++number)
        journal.append(std::to_string(number), 0, static_cast<std::uint32_t>(number));
      journal.flush();
      journal->set_position(position);
    }
    TestJournal journal(directory);
    EXPECT_EQ(journal->found().position, position);
    const auto n = static_cast<std::uint64_t>(position);
    EXPECT_EQ(journal->found().records, 1000u * 1001 / 2 - n * (n + 1) / 2) << "behind " << position;
  }
}

HUB_TEST(Journal, ReadsEachPartInOrder) {
  JournalDirectory directory;
  TestJournal journal(directory);
  journal.append_numbers(1, 3000, 700, 7);
  for (std::uint32_t part = 0; part < 3; ++part) {
    std::vector<std::string> expected;
    for (int number = 1; number <= 3000; ++number)
      if (static_cast<std::uint32_t>(number) % 7 % 3 == part) expected.push_back(std::to_string(number));
    EXPECT_EQ(journal.read(0, part, 3, 64).texts(), expected) << "part " << part;
  }
}

HUB_TEST(Journal, KeepsToTheLimitsOfAPage) {
  JournalDirectory directory;
  TestJournal journal(directory);
  for (int i = 0; i < 10; ++i)
    journal.append(std::string(100, 'x'));
  journal.flush();
  EXPECT_THAT(journal->read(0, {}, 3, 1 << 20).rows, SizeIs(3));
  EXPECT_EQ(journal->read(0, {}, 3, 1 << 20).read_to, 3);
  EXPECT_THAT(journal->read(0, {}, 100, 450).rows, SizeIs(4));
  EXPECT_THAT(journal->read(4, {}, 100, 10).rows, SizeIs(1)) << "at least one";
  EXPECT_EQ(journal->read(9, {}, 100, 450).read_to, 10);
  EXPECT_THAT(journal->read(10, {}, 100, 450).rows, IsEmpty());
}

HUB_TEST(Journal, FindsThePartsOnlyRowFarAway) {
  JournalDirectory directory;
  TestJournal journal(directory);
  journal.append_numbers(1, 5000, 1000, 1);
  journal.append("odd", 1);
  journal.flush();
  const auto page = journal->read(0, JournalParts::one(1, 2), 10, 1000);
  ASSERT_THAT(page.rows, SizeIs(1));
  EXPECT_EQ(page.rows[0].place, 5001);
  EXPECT_EQ(page.read_to, 5001);
}

HUB_TEST(Journal, ReadsWhileItAppends) {
  JournalDirectory directory;
  TestJournal journal(directory);
  const auto reader = greenrt::spawn([&] {
    std::int64_t after = 0;
    while (after < 2000) {
      const auto page = journal->read(after, {}, 37, 1 << 20);
      EXPECT_LE(page.read_to, journal->durable_place());
      for (const JournalRow& row : page.rows)
        EXPECT_EQ(row.place, ++after);
      EXPECT_EQ(after, page.read_to);
      greenrt::yield();
    }
  });

  for (int number = 1; number <= 2000; ++number) {
    journal.append(std::to_string(number));
    if (number % 50 == 0) journal.flush();
  }
  reader->join();
}

}  // namespace
}  // namespace hilera::testing
