#include "ingest/keyed_hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>

namespace ingest {
namespace {

TEST(KeyedHash, IsTheSameForTheSameBytes) {
  const std::string one = "SN-0001";
  const std::string other = "SN-0001";
  EXPECT_EQ(keyed_hash(as_bytes(one)), keyed_hash(as_bytes(other)));
}

TEST(KeyedHash, TellsContentAndLengthApart) {
  EXPECT_NE(keyed_hash(as_bytes("SN-0001")), keyed_hash(as_bytes("SN-0002")));
  EXPECT_NE(keyed_hash(as_bytes("")), keyed_hash(as_bytes(std::string_view("\0", 1))));
  EXPECT_NE(keyed_hash(as_bytes("a")), keyed_hash(as_bytes(std::string_view("a\0", 2))));
}

// What a hash without mixing gets wrong: serials that differ in their last digits only.
TEST(KeyedHash, SpreadsNeighbouringSerialsOverTheLowBits) {
  constexpr std::size_t kSerials = 10'000;
  std::set<std::uint64_t> hashes;
  std::array<std::size_t, 16> buckets{};
  for (std::size_t i = 0; i < kSerials; ++i) {
    const auto hash = keyed_hash(as_bytes("SN-" + std::to_string(i)));
    hashes.insert(hash);
    ++buckets[hash % buckets.size()];
  }
  EXPECT_EQ(hashes.size(), kSerials);
  for (const std::size_t count : buckets)
    EXPECT_NEAR(static_cast<double>(count), kSerials / 16.0, 200) << "eight standard deviations";
}

TEST(KeyedHash, MixingDependsOnEveryPart) {
  EXPECT_EQ(mix_keyed(1, 2, 3), mix_keyed(1, 2, 3));
  EXPECT_NE(mix_keyed(1, 2, 3), mix_keyed(2, 2, 3));
  EXPECT_NE(mix_keyed(1, 2, 3), mix_keyed(1, 3, 3));
  EXPECT_NE(mix_keyed(1, 2, 3), mix_keyed(1, 2, 4));
  EXPECT_NE(mix_keyed(1, 2, 3), mix_keyed(1, 3, 2));
}

TEST(KeyedHash, MixingSpreadsNeighbouringNumbersOverTheLowBits) {
  constexpr std::size_t kNumbers = 10'000;
  std::set<std::uint64_t> hashes;
  std::array<std::size_t, 16> buckets{};
  for (std::uint64_t i = 0; i < kNumbers; ++i) {
    const auto hash = mix_keyed(7, i, 0);
    hashes.insert(hash);
    ++buckets[hash % buckets.size()];
  }
  EXPECT_EQ(hashes.size(), kNumbers);
  for (const std::size_t count : buckets)
    EXPECT_NEAR(static_cast<double>(count), kNumbers / 16.0, 200) << "eight standard deviations";
}

// So that two runs of neighbours that meet once do not meet again and again.
TEST(KeyedHash, MixingKeepsNoDistances) {
  constexpr std::size_t kNumbers = 1'000;
  std::set<std::uint64_t> distances;
  for (std::uint64_t i = 0; i < kNumbers; ++i)
    distances.insert(mix_keyed(i + 1, 2, 3) - mix_keyed(i, 2, 3));
  EXPECT_EQ(distances.size(), kNumbers);
}

}  // namespace
}  // namespace ingest
