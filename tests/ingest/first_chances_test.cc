#include "ingest/first_chances.h"

#include <gtest/gtest.h>

namespace ingest {
namespace {

using namespace std::chrono_literals;

TEST(FirstChances, AreOneInATimeForEachDevice) {
  FirstChances chances;
  const auto now = greenrt::Clock::now();
  EXPECT_TRUE(chances.take(1, now));
  EXPECT_FALSE(chances.take(1, now));
  EXPECT_FALSE(chances.take(1, now + FirstChances::kEvery - 1ns));
  EXPECT_TRUE(chances.take(2, now)) << "somebody else";
  EXPECT_TRUE(chances.take(1, now + FirstChances::kEvery));
}

TEST(FirstChances, AreBoundedWhateverNamesAreClaimed) {
  constexpr std::uint64_t kNames = 100'000;
  FirstChances chances;
  const auto now = greenrt::Clock::now();
  std::size_t taken = 0;
  for (std::uint64_t name = 0; name < kNames; ++name)
    taken += chances.take(name * 0x9E3779B97F4A7C15, now) ? 1 : 0;
  EXPECT_LE(taken, 4096u);
}

}  // namespace
}  // namespace ingest
