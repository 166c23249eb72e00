// Random sequences of what can happen to a journal, compared with a model of it in memory.
//
//   HILERA_SEED              the seed to repeat, as it was printed
//   HILERA_MODEL_SEQUENCES   how many sequences; 12 when unset

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "daemon/journal.h"
#include "ingest/custody.h"
#include "tests/daemon/faulty_vfs.h"
#include "tests/daemon/journal_fixture.h"

namespace hilera::testing {
namespace {

namespace fs = std::filesystem;
using Failure = FaultyVfs::Failure;
using Operation = FaultyVfs::Operation;

constexpr std::uint32_t kParts = 3;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const given = std::getenv(name);
  return given != nullptr ? std::stoull(given) : otherwise;
}

class Sequence {
 public:
  explicit Sequence(std::uint64_t seed) : random_(seed) { open(); }

  void run() {
    for (int step = 0; step < 40 && !::testing::Test::HasFailure(); ++step) {
      switch (pick(12)) {
        case 0:
        case 1:
        case 2:
        case 3:
          append();
          break;
        case 4:
        case 5:
          flush();
          break;
        case 6:
          move_position();
          break;
        case 7:
          read();
          break;
        case 8:
          greenrt::testing::let_poll();
          break;
        case 9:
          reopen();
          break;
        case 10:
          lose_power();
          break;
        case 11:
          break_disk();
          break;
      }
    }
    flush();
    read();
    reopen();
    read();
  }

 private:
  struct Row {
    std::string text;
    std::uint32_t domain;
    std::uint32_t records;
  };

  std::uint64_t pick(std::uint64_t limit) { return random_() % limit; }

  void open() {
    JournalOptions options{.directory = directory_->path(), .segment_size = 32 << 10, .vfs = vfs_->name()};
    journal_.emplace(options, [this](std::span<const ingest::EntryRef> entries, bool durable) {
      for (const auto& each : entries) {
        if (durable) durable_.insert(*appended_.find(each->place));
        appended_.erase(each->place);
      }
    });
  }

  void append() {
    for (auto left = 1 + pick(60); left > 0; --left) {
      const Row row{.text = std::string(pick(300), static_cast<char>('a' + pick(26))),
                    .domain = static_cast<std::uint32_t>(pick(1U << 31)),
                    .records = static_cast<std::uint32_t>(1 + pick(3))};
      const auto made = entry(row.text, row.domain, row.records);
      try {
        journal_->append(made);
      } catch (const ingest::CustodyRefused&) {
        return;
      }
      EXPECT_GT(made->place, last_place_);
      last_place_ = made->place;
      appended_.emplace(made->place, row);
    }
  }

  void flush() {
    EXPECT_TRUE(journal_->flush(std::chrono::seconds(30)));
    EXPECT_TRUE(appended_.empty());
  }

  // Forward, or back as far as segments are sure to exist: to where it was found.
  void move_position() {
    const std::int64_t durable = journal_->durable_place();
    position_ = position_ + static_cast<std::int64_t>(pick(static_cast<std::uint64_t>(durable - position_) + 1));
    lowest_ = std::max(lowest_, position_);
    journal_->set_position(position_);
  }

  void read() {
    for (std::uint32_t part = 0; part < kParts; ++part) {
      const std::int64_t durable = journal_->durable_place();
      std::int64_t after = position_;
      auto expected = durable_.upper_bound(after);
      while (after < durable) {
        const Journal::Page page = journal_->read(after, part, kParts, 1 + pick(100), 1 + pick(10'000));
        EXPECT_EQ(page.quarantined, 0u);
        for (const JournalRow& row : page.rows) {
          while (expected != durable_.end() && expected->second.domain % kParts != part)
            ++expected;
          ASSERT_NE(expected, durable_.end()) << "a row too many: " << row.place;
          ASSERT_EQ(row.place, expected->first);
          ASSERT_EQ(row.domain, expected->second.domain);
          ASSERT_EQ(row.records, expected->second.records);
          ASSERT_EQ(ingest::as_text(row.bytes), expected->second.text);
          ++expected;
        }
        ASSERT_TRUE(page.read_to > after || !page.rows.empty());
        after = page.read_to;
      }
      for (; expected != durable_.end() && expected->first <= durable; ++expected)
        ASSERT_NE(expected->second.domain % kParts, part) << "a row is missing: " << expected->first;
    }
  }

  void reopen() {
    journal_.reset();
    EXPECT_TRUE(appended_.empty()) << "closing settles everything";
    vfs_->heal();
    open();
    EXPECT_EQ(journal_->found().position, std::min(position_, journal_->found().last_place));
    compare_found();
  }

  // The old journal goes on writing to a folder that nobody looks at any more.
  void lose_power() {
    auto copy = std::make_unique<JournalDirectory>();
    const auto durable = durable_;
    const auto waiting = appended_;
    vfs_->crash(directory_->path(), copy->path(), random_);
    journal_.reset();
    directory_ = std::move(copy);
    vfs_ = std::make_unique<FaultyVfs>(true);
    durable_ = durable;
    appended_.clear();
    open();
    // What was on its way may have got there, from its beginning up to somewhere.
    const std::int64_t last = journal_->found().last_place;
    for (const auto& [place, row] : waiting)
      if (place <= last) durable_.emplace(place, row);
    EXPECT_GE(last, durable.empty() ? 0 : durable.rbegin()->first);
    EXPECT_LE(journal_->found().position, lowest_);
    position_ = journal_->found().position;
    last_place_ = last;
    compare_found();
  }

  void compare_found() {
    std::uint64_t records = 0;
    for (auto row = durable_.upper_bound(position_); row != durable_.end(); ++row)
      records += row->second.records;
    EXPECT_EQ(journal_->found().records, records);
  }

  void break_disk() {
    const auto operation = pick(2) == 0 ? Operation::kWrite : Operation::kSync;
    vfs_->fail(operation, operation == Operation::kWrite && pick(3) == 0 ? Failure::kFull : Failure::kIoError,
               static_cast<int>(pick(20)), 1);
  }

  std::mt19937_64 random_;
  std::unique_ptr<FaultyVfs> vfs_ = std::make_unique<FaultyVfs>(true);
  std::unique_ptr<JournalDirectory> directory_ = std::make_unique<JournalDirectory>();
  std::map<std::int64_t, Row> appended_;  // and not settled
  std::map<std::int64_t, Row> durable_;
  std::int64_t last_place_ = 0;
  std::int64_t position_ = 0;
  std::int64_t lowest_ = 0;
  std::optional<Journal> journal_;
};

HUB_TEST(JournalModel, RandomSequences) {
  const std::uint64_t seed = from_environment("HILERA_SEED", std::random_device{}());
  const std::uint64_t sequences = from_environment("HILERA_MODEL_SEQUENCES", 12);
  for (std::uint64_t i = 0; i < sequences && !::testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("HILERA_SEED=" + std::to_string(seed + i));
    Sequence(seed + i).run();
  }
}

}  // namespace
}  // namespace hilera::testing
