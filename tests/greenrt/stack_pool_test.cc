#include "greenrt/stack_pool.h"

#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using ::testing::HasSubstr;

const std::size_t kPage = StackPool::page_size();

void touch(std::byte* byte) {
  *reinterpret_cast<volatile char*>(byte) = 1;
}

std::size_t memory_maps() {
  std::ifstream maps("/proc/self/maps");
  return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(maps), {}, '\n'));
}

bool is_mapped(std::byte* page) {
  unsigned char resident = 0;
  return ::mincore(page, kPage, &resident) == 0;
}

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

// By the number of stacks whose guards are maps; further ones have marks, where the kernel has them.
class StackPoolGuard : public ::testing::TestWithParam<std::size_t> {};
using StackPoolGuardDeathTest = StackPoolGuard;

const auto kGuards = ::testing::Values(0, 10, 1000);
INSTANTIATE_TEST_SUITE_P(Protected, StackPoolGuard, kGuards);
INSTANTIATE_TEST_SUITE_P(Protected, StackPoolGuardDeathTest, kGuards);

TEST_P(StackPoolGuardDeathTest, WhatLiesBelowEachStackCannotBeTouched) {
  StackPool pool(kPage * 16, 40, GetParam());
  std::vector<Stack> stacks;
  for (int i = 0; i < 20; ++i)  // of two slabs
    stacks.push_back(pool.acquire());
  for (const Stack& stack : {stacks.front(), stacks[1], stacks.back()}) {
    EXPECT_DEATH(touch(stack.bottom - 1), "");
    EXPECT_DEATH(touch(stack.bottom - StackPool::kGuardSize), "");
    touch(stack.bottom);
  }
  for (const Stack& stack : stacks)
    pool.release(stack);
}

TEST_P(StackPoolGuardDeathTest, OutlivesTheReturnOfPagesToTheKernel) {
  StackPool pool(kPage * 16, 8, GetParam());
  const Stack stack = pool.acquire();
  std::memset(stack.bottom, 1, stack.size);
  pool.clear(stack);
  touch(stack.bottom);
  EXPECT_DEATH(touch(stack.bottom - 1), "");
  pool.release(stack);
}

TEST_P(StackPoolGuard, TakesNoMoreMapsThanItMust) {
  constexpr std::size_t kStacks = 160;
  StackPool pool(kPage * 16, kStacks, GetParam());
  std::vector<Stack> stacks;
  stacks.reserve(kStacks);
  const std::size_t before = memory_maps();
  for (std::size_t i = 0; i < kStacks; ++i)
    stacks.push_back(pool.acquire());
  const std::size_t with_maps = StackPool::can_mark() ? std::min(GetParam(), kStacks) : kStacks;
  const std::size_t with_marks = kStacks - with_maps;
  const std::size_t others = kStacks / 4;  // what an allocator takes meanwhile, which is some under a sanitizer
  EXPECT_LE(memory_maps(), before + with_maps * 2 + with_marks / 16 + others);
  for (const Stack& stack : stacks)
    pool.release(stack);
}

TEST(StackPool, CapacityIsWhatWasAskedForWithinWhatTheKernelMaps) {
  std::ifstream file("/proc/sys/vm/max_map_count");
  std::size_t maps = 0;
  if (!(file >> maps)) maps = 65530;
  const std::size_t most = StackPool(kPage * 16, 0).capacity();
  EXPECT_EQ(StackPool(kPage * 16, 10).capacity(), 10u);
  EXPECT_LE(most, StackPool::can_mark() ? maps * 16 : maps / 2);
  EXPECT_EQ(StackPool(kPage * 16, 100 * maps).capacity(), most);
}

TEST(StackPool, TakesAddressesForOneLargeStackAtATime) {
  constexpr std::size_t kSize = 256 * 1024 * 1024;
  StackPool pool(kSize, 8);
  const Stack stack = pool.acquire();
  const auto mapped = [] {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * kPage;
  };
  const std::size_t before = mapped();
  const Stack other = pool.acquire();
  EXPECT_LT(mapped(), before + kSize * 3 / 2);
  pool.release(other);
  pool.release(stack);
}

TEST(StackPool, IsUnmappedWithThePool) {
  std::vector<Stack> stacks(64);
  const auto mapped = [&] {
    return std::ranges::count_if(stacks, [](const Stack& stack) { return is_mapped(stack.bottom); });
  };
  {
    StackPool pool(kPage * 16, stacks.size());
    for (Stack& stack : stacks)
      stack = pool.acquire();
    for (const Stack& stack : stacks)
      pool.release(stack);
    EXPECT_EQ(mapped(), 64);
  }
  EXPECT_EQ(mapped(), 0);
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
  EXPECT_EQ(pool.used(stack), StackPool::kKeepResident);
  EXPECT_EQ(pool.high_water(), kPage * 65);                // what was given back has been used all the same
  EXPECT_EQ(std::to_integer<int>(*stack.bottom), 0);       // a fresh page
  EXPECT_EQ(std::to_integer<int>(*(stack.top() - 1)), 1);  // still warm
}

TEST(StackPool, ReturnsByAndByWhatACrowdHasLeftBehind) {
  StackPool pool(kPage * 64, 128);
  std::vector<Stack> stacks;
  for (int i = 0; i < 100; ++i) {
    stacks.push_back(pool.acquire());
    std::memset(stacks.back().bottom, 1, stacks.back().size);
  }
  for (const Stack& stack : stacks)
    pool.release(stack);
  const auto deep = [&] {
    return std::count_if(stacks.begin(), stacks.end(),
                         [&](const Stack& stack) { return pool.used(stack) > StackPool::kKeepResident; });
  };
  EXPECT_GT(deep(), 90);
  for (int i = 0; i < 512 * 101; ++i)
    pool.release(pool.acquire());  // one greenlet after the other
  EXPECT_EQ(deep(), 0);
}

TEST(StackPool, LeavesAloneWhatShallowUseKeepsWarm) {
  StackPool pool(kPage * 64, 8);
  const Stack stack = pool.acquire();
  std::memset(stack.top() - kPage * 2, 1, kPage * 2);
  pool.release(stack);
  for (int i = 0; i < 1000; ++i)
    pool.release(pool.acquire());
  EXPECT_EQ(std::to_integer<int>(*(stack.top() - kPage * 2)), 1);
}

TEST(StackPool, SaysHowDeepOneStackHasBeenUsed) {
  StackPool pool(kPage * 64, 8);
  const Stack one = pool.acquire();
  const Stack other = pool.acquire();
  EXPECT_EQ(pool.used(one), 0u);
  std::memset(one.top() - kPage * 5, 1, kPage * 5);
  EXPECT_GE(pool.used(one), kPage * 5);
  EXPECT_LE(pool.used(one), kPage * 6);  // its top may lie in the middle of a page
  EXPECT_EQ(pool.used(other), 0u);
  EXPECT_EQ(pool.high_water(), 0u);  // a question, no sample
  pool.release(other);
  pool.release(one);
}

TEST(StackPool, KnowsNothingOfFormerUsesOfAClearedStack) {
  StackPool pool(kPage * 64, 8);
  const Stack first = pool.acquire();
  pool.release(first);  // this one is measured, the next 63 are not
  const Stack stack = pool.acquire();
  std::memset(stack.bottom, 1, stack.size);
  pool.release(stack);
  const Stack again = pool.acquire();
  EXPECT_EQ(pool.used(again), kPage * 65);  // of its former user
  pool.clear(again);
  EXPECT_EQ(pool.used(again), 0u);
  std::memset(again.top() - kPage * 3, 1, kPage * 3);
  EXPECT_LE(pool.used(again), kPage * 4);
  pool.release(again);
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

TEST(StackGuardDeathTest, ASignalThatSomebodySendsIsNoFaultAndEndsTheProcess) {
  EXPECT_DEATH(
      {
        Hub hub;
        hub.run([] { ::raise(SIGSEGV); });
        std::_Exit(0);
      },
      ::testing::Not(HasSubstr("stack overflow")));
}

}  // namespace
}  // namespace greenrt
