#include "greenrt/stack_pool.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using ::testing::HasSubstr;

const std::size_t kPage = StackPool::page_size();

TEST(StackPool, RoundsUpToWholePages) {
  const StackPool pool(kPage * 4 + 1, 8);
  EXPECT_EQ(pool.stack_size(), kPage * 5);
}

TEST(StackPool, ReusesTheStackThatCameBackLast) {
  StackPool pool(kPage * 16, 8);
  const Stack first = pool.acquire();
  const Stack second = pool.acquire();
  EXPECT_NE(first.bottom, second.bottom);
  pool.release(first);
  pool.release(second);
  EXPECT_EQ(pool.idle(), 2u);
  const Stack again = pool.acquire();
  EXPECT_EQ(again.bottom, second.bottom);
  EXPECT_EQ(pool.mapped(), 2u);
  pool.release(again);
}

TEST(StackPool, GivesWritableMemoryOfTheWholeSize) {
  StackPool pool(kPage * 16, 8);
  const Stack stack = pool.acquire();
  std::memset(stack.bottom, 0x5a, stack.size);
  EXPECT_GE(stack.top() - stack.bottom, static_cast<std::ptrdiff_t>(pool.stack_size()));
  pool.release(stack);
}

TEST(StackPool, SpreadsTheTopsOverEveryLineOfAPage) {
  StackPool pool(kPage * 16, kPage / 64);
  std::vector<Stack> stacks;
  std::set<std::uintptr_t> offsets;
  for (std::size_t i = 0; i < kPage / 64; ++i) {
    stacks.push_back(pool.acquire());
    EXPECT_GE(stacks.back().size, pool.stack_size());
    offsets.insert(reinterpret_cast<std::uintptr_t>(stacks.back().top()) % kPage);
  }
  EXPECT_EQ(offsets.size(), kPage / 64);
  for (const std::uintptr_t offset : offsets)
    EXPECT_EQ(offset % 64, 0u);
  for (const Stack& stack : stacks)
    pool.release(stack);
}

TEST(StackPoolDeathTest, APageBelowEachStackCannotBeTouched) {
  StackPool pool(kPage * 16, 8);
  const Stack stack = pool.acquire();
  EXPECT_DEATH(*reinterpret_cast<volatile char*>(stack.bottom - 1) = 1, "");
  pool.release(stack);
}

TEST(StackPool, CapacityIsWhatWasAskedForWithinWhatTheKernelMaps) {
  std::ifstream file("/proc/sys/vm/max_map_count");
  std::size_t maps = 0;
  if (!(file >> maps)) maps = 65530;
  EXPECT_EQ(StackPool(kPage * 16, 10).capacity(), 10u);
  EXPECT_LE(StackPool(kPage * 16, 0).capacity(), maps / 2);
  EXPECT_EQ(StackPool(kPage * 16, 100 * maps).capacity(), StackPool(kPage * 16, 0).capacity());
}

TEST(StackPool, HighWaterIsTheDeepestUseInPages) {
  StackPool pool(kPage * 64, 8);
  EXPECT_EQ(pool.high_water(), 0u);
  const Stack stack = pool.acquire();
  std::memset(stack.top() - kPage * 20, 1, kPage * 20);
  pool.measure(stack);
  EXPECT_EQ(pool.high_water(), kPage * 20);
  pool.release(stack);
  EXPECT_EQ(pool.high_water(), kPage * 20);
}

TEST(StackPool, ReturnsToTheKernelWhatADeepUseHasLeftBehind) {
  StackPool pool(kPage * 64, 8);
  const Stack stack = pool.acquire();
  std::memset(stack.bottom, 1, stack.size);
  pool.release(stack);
  EXPECT_EQ(std::to_integer<int>(*stack.bottom), 0);       // a fresh page
  EXPECT_EQ(std::to_integer<int>(*(stack.top() - 1)), 1);  // still warm
}

HUB_TEST(StackPool, HighWaterOfTheHubSeesStacksInUse) {
  const auto shallow = Hub::current().stack_high_water();
  const auto deep = spawn([] {
    std::array<volatile char, 100'000> space{};
    for (std::size_t i = 0; i < space.size(); i += 1000)
      space[i] = 1;
    return Hub::current().stack_high_water();
  });
  EXPECT_GE(deep->get(), 100'000u);
  EXPECT_LT(shallow, deep->value());
}

HUB_TEST(StackPool, GreenletsOneAfterAnotherShareOneStack) {
  for (int i = 0; i < 100; ++i)
    spawn([] {})->join();
  EXPECT_LE(Hub::current().stacks().mapped(), 2u);
}

[[gnu::noinline]] int overflow(int depth) {
  volatile char space[512] = {};
  space[0] = static_cast<char>(depth);
  return depth == 0 ? 0 : overflow(depth - 1) + space[0];
}

TEST(StackGuardDeathTest, AnOverflowIsReportedWithTheNameOfTheGreenlet) {
  EXPECT_DEATH(
      {
        Hub hub;
        hub.run([] {
          const auto deep = spawn([] { return overflow(1'000'000'000); });
          deep->set_name("deep one");
          deep->join();
        });
      },
      "stack overflow in greenlet deep one, whose stack has [0-9]+ bytes");
}

TEST(StackGuardDeathTest, AnOverflowIsReportedInAnyThread) {
  EXPECT_DEATH(std::thread([] {
                 Hub hub;
                 hub.run([] { overflow(1'000'000'000); });
               }).join(),
               "stack overflow in greenlet main");
}

volatile int* volatile nowhere = nullptr;

TEST(StackGuardDeathTest, AnotherFaultIsLeftToWhoeverHandledItBefore) {
  EXPECT_DEATH(
      {
        Hub hub;
        hub.run([] { *nowhere = 1; });
      },
      ::testing::Not(HasSubstr("stack overflow")));
}

}  // namespace
}  // namespace greenrt
