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
  explicit Sequence(std::uint64_t seed)
      : random_(seed), grace_(pick(2) == 0 ? greenrt::Duration::zero() : std::chrono::hours(1)) {
    open();
  }

  void run() {
    for (int step = 0; step < 40 && !::testing::Test::HasFailure(); ++step) {
      switch (pick(13)) {
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
        case 12:
          lose_server();
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
  std::int64_t between(std::int64_t first, std::int64_t last) {
    return first + static_cast<std::int64_t>(pick(static_cast<std::uint64_t>(last - first) + 1));
  }
  [[nodiscard]] bool with_grace() const { return grace_ > greenrt::Duration::zero(); }

  void open() {
    const JournalOptions options{
        .directory = directory_->path(), .segment_size = 32 << 10, .grace = grace_, .vfs = vfs_->name()};
    journal_.emplace(options, [this](std::span<const ingest::EntryRef> entries, bool durable) {
      for (const auto& each : entries) {
        (durable ? durable_ : lost_).insert(*appended_.find(each->place));
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

  void move_position() {
    const bool in_doubt = position_.needed < position_.place;
    position_.place = between(position_.place, journal_->durable_place());
    highest_ = std::max(highest_, position_.place);
    position_.needed = in_doubt ? between(position_.needed, position_.place) : position_.place;
    position_.sure = with_grace() ? between(position_.sure, position_.needed) : position_.needed;
    journal_->set_position(position_);
  }

  // All that is not sure is looked for again.
  void lose_server() {
    position_.needed = position_.sure;
    journal_->set_position(position_);
  }

  void read() {
    for (std::uint32_t part = 0; part < kParts; ++part) {
      const std::int64_t durable = journal_->durable_place();
      std::int64_t after = position_.needed;
      auto expected = durable_.upper_bound(after);
      while (after < durable) {
        const Journal::Page page =
            journal_->read(after, JournalParts::one(part, kParts), 1 + pick(100), 1 + pick(10'000));
        EXPECT_EQ(page.quarantined(), 0u);
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
    if (!std::exchange(disk_was_broken_, false)) {
      EXPECT_EQ(journal_->found().position, position_.place);
      EXPECT_EQ(journal_->found().sure, position_.sure);
    }
    go_on_with(std::exchange(lost_, {}));
  }

  // The old journal goes on writing to a folder that nobody looks at any more.
  void lose_power() {
    auto copy = std::make_unique<JournalDirectory>();
    const auto durable = durable_;
    auto waiting = appended_;
    vfs_->crash(directory_->path(), copy->path(), random_);
    journal_.reset();
    directory_ = std::move(copy);
    vfs_ = std::make_unique<FaultyVfs>(true);
    durable_ = durable;
    appended_.clear();
    lost_.clear();
    open();
    disk_was_broken_ = false;
    go_on_with(waiting);
  }

  // What was on its way, or given up by a disk that failed, may have got there, from its beginning up to somewhere.
  void go_on_with(const std::map<std::int64_t, Row>& uncertain) {
    EXPECT_LE(journal_->found().position, highest_);
    EXPECT_LE(journal_->found().sure, journal_->found().position);
    position_ = {journal_->found().position, journal_->found().sure, journal_->found().sure};
    last_place_ = journal_->found().last_place;
    EXPECT_GE(last_place_, durable_.empty() ? 0 : durable_.rbegin()->first);
    for (const auto& [place, row] : uncertain)
      if (place <= last_place_) durable_.emplace(place, row);
    compare_found();
  }

  void compare_found() {
    std::uint64_t records = 0;
    for (auto row = durable_.upper_bound(position_.place); row != durable_.end(); ++row)
      records += row->second.records;
    EXPECT_EQ(journal_->found().records, records);
  }

  // A full disk takes what is kept for the grace time only, so that is not looked at here.
  void break_disk() {
    disk_was_broken_ = true;
    const auto operation = pick(2) == 0 ? Operation::kWrite : Operation::kSync;
    const bool full = operation == Operation::kWrite && !with_grace() && pick(3) == 0;
    vfs_->fail(operation, full ? Failure::kFull : Failure::kIoError, static_cast<int>(pick(20)), 1);
  }

  std::mt19937_64 random_;
  greenrt::Duration grace_;
  std::unique_ptr<FaultyVfs> vfs_ = std::make_unique<FaultyVfs>(true);
  std::unique_ptr<JournalDirectory> directory_ = std::make_unique<JournalDirectory>();
  std::map<std::int64_t, Row> appended_;  // and not settled
  std::map<std::int64_t, Row> durable_;
  std::map<std::int64_t, Row> lost_;  // since it was opened
  bool disk_was_broken_ = false;
  std::int64_t last_place_ = 0;
  StorePosition position_;
  std::int64_t highest_ = 0;  // of position_.place, ever
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
