#include "ingest/frame_id.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace ingest {
namespace {

constexpr std::int64_t kTime = 1'700'000'000'123;

TEST(UsableDeviceTime, IsNoneForDevicesWithoutAClockAndForNonsense) {
  EXPECT_EQ(usable_device_time(0), std::nullopt);
  EXPECT_EQ(usable_device_time(1), 1);
  EXPECT_EQ(usable_device_time((std::uint64_t{1} << 43) - 1), (std::int64_t{1} << 43) - 1);
  EXPECT_EQ(usable_device_time(std::uint64_t{1} << 43), std::nullopt);
  EXPECT_EQ(usable_device_time(~std::uint64_t{0}), std::nullopt);
}

TEST(ContentKey, HasTheTimeInItsUpperBits) {
  const RecordKey key = content_key(kTime, as_bytes("content"));
  EXPECT_EQ(key.frame_id >> 20, static_cast<std::uint64_t>(kTime));
}

TEST(ContentKey, OrdersRecordsByTime) {
  EXPECT_LT(content_key(kTime, as_bytes("b")).frame_id, content_key(kTime + 1, as_bytes("a")).frame_id);
}

TEST(ContentKey, WithoutATimeStandsApartFromEveryTime) {
  const std::uint64_t top = std::uint64_t{1} << 63;
  EXPECT_NE(content_key(std::nullopt, as_bytes("content")).frame_id & top, 0u);
  EXPECT_EQ(content_key((std::int64_t{1} << 43) - 1, as_bytes("content")).frame_id & top, 0u);
}

TEST(ContentKey, IsTheSameForTheSameContentAndAnotherForAnother) {
  const RecordKey first = content_key(kTime, as_bytes("content"));
  const RecordKey again = content_key(kTime, as_bytes("content"));
  const RecordKey other = content_key(kTime, as_bytes("contents"));
  EXPECT_EQ(first.frame_id, again.frame_id);
  EXPECT_EQ(first.digest, again.digest);
  EXPECT_NE(first.frame_id, other.frame_id);
  EXPECT_NE(first.digest, other.digest);
}

TEST(ContentKey, DoesNotCrowdADeviceWithoutAClock) {
  std::set<std::uint64_t> ids;
  for (int i = 0; i < 100'000; ++i)
    ids.insert(content_key(std::nullopt, as_bytes(std::to_string(i))).frame_id);
  EXPECT_EQ(ids.size(), 100'000u);
}

// These values are in databases. BLAKE2b-128 of "abc" is cf4ab791c62b8d2b2109c90275287816.
TEST(ContentKey, NeverChangesFromOneVersionToTheNext) {
  const RecordKey with_time = content_key(kTime, as_bytes("abc"));
  EXPECT_EQ(with_time.digest, 0xcf4ab791c62b8d2bu);
  EXPECT_EQ(with_time.frame_id, static_cast<std::uint64_t>(kTime) << 20 | 0x87816u);
  const RecordKey without = content_key(std::nullopt, as_bytes("abc"));
  EXPECT_EQ(without.digest, 0xcf4ab791c62b8d2bu);
  EXPECT_EQ(without.frame_id, 0xa109c90275287816u);
}

}  // namespace
}  // namespace ingest
