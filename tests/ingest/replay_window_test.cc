#include "ingest/replay_window.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace ingest {
namespace {

using Standing = ReplayWindow::Standing;

constexpr std::uint64_t number(std::uint32_t epoch, std::uint32_t sequence) {
  return std::uint64_t{epoch} << 32 | sequence;
}

ReplayWindow stored_and_read(const ReplayWindow& window) {
  return {window.highest(), window.bits()};
}

TEST(ReplayWindow, KnowsNothingAtFirst) {
  const ReplayWindow window;
  EXPECT_TRUE(window.empty());
  EXPECT_EQ(window.standing(number(0, 1)), Standing::kNew);
  EXPECT_EQ(window.standing(number(7, 42)), Standing::kNew);
}

TEST(ReplayWindow, KnowsEachNumberOfTheLast1024) {
  ReplayWindow window;
  for (std::uint32_t sequence = 1; sequence <= 3000; sequence += 2)
    window.mark(number(7, sequence));
  ASSERT_EQ(window.highest(), number(7, 2999));
  for (std::uint32_t sequence = 2999 - 1023; sequence <= 2999; ++sequence) {
    EXPECT_EQ(window.standing(number(7, sequence)), sequence % 2 == 1 ? Standing::kSeen : Standing::kNew) << sequence;
  }
  EXPECT_EQ(window.standing(number(7, 2999 - 1024)), Standing::kTooOld);
  EXPECT_EQ(window.standing(number(7, 1)), Standing::kTooOld);
  EXPECT_EQ(window.standing(number(7, 3000)), Standing::kNew);
}

TEST(ReplayWindow, TakesWhatComesLateOnce) {
  ReplayWindow window;
  window.mark(number(1, 2000));
  EXPECT_EQ(window.standing(number(1, 977)), Standing::kNew);
  window.mark(number(1, 977));
  EXPECT_EQ(window.standing(number(1, 977)), Standing::kSeen);
  EXPECT_EQ(window.highest(), number(1, 2000));
}

TEST(ReplayWindow, BeginsAnewWithAnEpoch) {
  ReplayWindow window;
  window.mark(number(7, 0xFFFFFFFF));
  window.mark(number(8, 1));
  EXPECT_EQ(window.standing(number(8, 1)), Standing::kSeen);
  EXPECT_EQ(window.standing(number(8, 2)), Standing::kNew);
  EXPECT_EQ(window.standing(number(7, 0xFFFFFFFF)), Standing::kTooOld);
  EXPECT_EQ(window.standing(number(7, 1)), Standing::kTooOld);
  window.mark(number(7, 5));
  EXPECT_EQ(window.highest(), number(8, 1)) << "what is too old changes nothing";
}

TEST(ReplayWindow, ComesBackFromWhereItIsStored) {
  ReplayWindow window;
  for (const std::uint32_t sequence : {1U, 5U, 6U, 900U, 1023U, 1024U})
    window.mark(number(3, sequence));
  const ReplayWindow again = stored_and_read(window);
  for (std::uint32_t sequence = 1; sequence <= 1025; ++sequence)
    EXPECT_EQ(again.standing(number(3, sequence)), window.standing(number(3, sequence))) << sequence;
}

TEST(ReplayWindow, LearnsWhatAnotherOneKnows) {
  const auto window = [](std::uint32_t epoch, std::initializer_list<std::uint32_t> sequences) {
    ReplayWindow made;
    for (const std::uint32_t sequence : sequences)
      made.mark(number(epoch, sequence));
    return made;
  };
  const ReplayWindow low = window(1, {1, 3, 900});
  const ReplayWindow high = window(1, {2, 1000});
  for (ReplayWindow merged : {low, high}) {
    merged.merge(low);
    merged.merge(high);
    EXPECT_EQ(merged.highest(), number(1, 1000));
    for (const std::uint32_t sequence : {1U, 2U, 3U, 900U, 1000U})
      EXPECT_EQ(merged.standing(number(1, sequence)), Standing::kSeen) << sequence;
    EXPECT_EQ(merged.standing(number(1, 4)), Standing::kNew);
  }
  ReplayWindow later = window(2, {5});
  later.merge(low);
  EXPECT_EQ(later.standing(number(2, 4)), Standing::kNew);
  ReplayWindow empty;
  empty.merge(high);
  EXPECT_EQ(empty.standing(number(1, 2)), Standing::kSeen);
  empty.merge(ReplayWindow());
  EXPECT_EQ(empty.highest(), number(1, 1000));
}

TEST(ReplayWindow, KnowsAtLeastTheHighestOfWhatWasStoredWithoutBits) {
  const ReplayWindow window(number(3, 9), {});
  EXPECT_EQ(window.standing(number(3, 9)), Standing::kSeen);
  EXPECT_EQ(window.standing(number(3, 8)), Standing::kNew);
  EXPECT_EQ(window.standing(number(2, 8)), Standing::kTooOld);
}

// Against a set that remembers everything.
TEST(ReplayWindow, AgreesWithAModel) {
  std::mt19937 engine(20261123);
  const auto below = [&](std::uint32_t n) { return std::uniform_int_distribution<std::uint32_t>(0, n - 1)(engine); };
  for (int round = 0; round < 50; ++round) {
    ReplayWindow window;
    std::set<std::uint64_t> seen;
    std::uint32_t epoch = 1;
    std::uint32_t front = 1;
    for (int step = 0; step < 2000; ++step) {
      if (below(500) == 0) {
        ++epoch;
        front = 1;
      }
      front += below(100) == 0 ? below(3000) : below(3);
      const std::uint32_t back = std::min(front - 1, below(1500));
      const std::uint64_t tried = number(epoch - below(50) / 49, front - back);
      const std::uint64_t highest = seen.empty() ? 0 : *seen.rbegin();
      const bool too_old = tried <= highest && (tried >> 32 != highest >> 32 || highest - tried >= 1024);
      const Standing expected = too_old ? Standing::kTooOld : seen.contains(tried) ? Standing::kSeen : Standing::kNew;
      ASSERT_EQ(window.standing(tried), expected) << round << '/' << step;
      window.mark(tried);
      if (!too_old) seen.insert(tried);
      if (below(100) == 0) window = stored_and_read(window);
    }
  }
}

}  // namespace
}  // namespace ingest
