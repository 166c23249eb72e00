#include "greenrt/block_cache.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

namespace greenrt {
namespace {

TEST(BlockCache, GivesOutTheBlockThatCameBackLast) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "not in use under AddressSanitizer";
#endif
  void* const first = BlockCache::take(100);
  void* const second = BlockCache::take(100);
  BlockCache::give_back(first, 100);
  BlockCache::give_back(second, 100);
  EXPECT_EQ(BlockCache::take(100), second);
  EXPECT_EQ(BlockCache::take(120), first) << "of the same class of sizes";
  BlockCache::give_back(first, 120);
  BlockCache::give_back(second, 100);
}

TEST(BlockCache, BlocksAreAlignedForAnything) {
  for (std::size_t size = 1; size < 3000; size += 37) {
    void* const block = BlockCache::take(size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignof(std::max_align_t), 0u);
    BlockCache::give_back(block, size);
  }
}

TEST(BlockCache, NoTwoBlocksInUseOverlap) {
  std::mt19937 random(5);
  std::vector<std::pair<unsigned char*, std::size_t>> blocks;
  const auto give_back = [&](std::size_t index) {
    const auto [block, size] = blocks[index];
    for (std::size_t i = 0; i < size; ++i)
      ASSERT_EQ(block[i], static_cast<unsigned char>(size)) << "somebody else wrote here";
    BlockCache::give_back(block, size);
    blocks[index] = blocks.back();
    blocks.pop_back();
  };
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0 && !blocks.empty()) {
      give_back(random() % blocks.size());
    } else {
      const std::size_t size = 1 + random() % 1500;
      auto* const block = static_cast<unsigned char*>(BlockCache::take(size));
      std::memset(block, static_cast<int>(static_cast<unsigned char>(size)), size);
      blocks.emplace_back(block, size);
    }
  }
  while (!blocks.empty())
    give_back(0);
}

}  // namespace
}  // namespace greenrt
