// Decoding does not allocate once its buffers have grown. Counts through this binary's operator new; not under
// AddressSanitizer, which has its own.

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>

#include "ingest/codec.h"
#include "tests/ingest/collectd_vectors.h"
#include "tests/ingest/hex.h"
#include "tests/ingest/semtech_vectors.h"
#include "tests/ingest/teltonika_vectors.h"

#if !defined(__SANITIZE_ADDRESS__)

namespace {
thread_local std::size_t allocations = 0;
thread_local std::size_t allocated_bytes = 0;
}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  allocated_bytes += size;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace ingest {
namespace {

void expect_no_allocation(std::string_view codec_name, std::string_view hex) {
  const Codec& codec = *find_codec(codec_name);
  const auto datagram = testing::from_hex(hex);
  Decoded decoded;
  Ack ack;
  std::string json;
  const auto run = [&] {
    codec.decode(datagram, decoded);
    codec.make_ack(datagram, decoded, AckStatus::kStored, nullptr, ack);
    json.clear();
    for (const Record& record : decoded.records)
      codec.append_fields(datagram, record, json);
  };
  run();
  const std::size_t before = allocations;
  run();
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(decoded.verdict, Verdict::kRecords);
}

TEST(Allocation, CollectdDecodesWithinTheBuffersItHas) {
  expect_no_allocation("collectd", testing::kCollectdSigned);
}

TEST(Allocation, NativeDecodesWithinTheBuffersItHas) {
  expect_no_allocation("native",
                       "4e4601010007534e2d30303031000000070000002a0000018bcfe5687b001700013441ac0000000222fff9000301010"
                       "0094000026f6b");
}

TEST(Allocation, TeltonikaDecodesWithinTheBuffersItHas) {
  expect_no_allocation("teltonika", testing::kCodec8ExtendedExample);
}

// Its parser has buffers of its own, for the longest string and the keys of what is open.
TEST(Allocation, SemtechAllocatesNoMoreThanTheDatagramIsWorth) {
  const auto bytes_for = [](const std::string& body) {
    const auto datagram = testing::push(body);
    Decoded decoded;
    const std::size_t before = allocated_bytes;
    find_codec("semtech")->decode(datagram, decoded);
    return allocated_bytes - before;
  };
  constexpr std::size_t kSize = 65'000;
  constexpr std::size_t kMost = 32 * kSize;
  std::string keys = "{";
  while (keys.size() < kSize)
    keys += '"' + std::to_string(keys.size()) + "\":0,";
  std::string records = R"({"rxpk":[{})";
  while (records.size() < kSize)
    records += ",{}";
  EXPECT_LT(bytes_for(std::string(kSize, '[')), kMost);
  EXPECT_LT(bytes_for(std::string(kSize, '"')), kMost);
  EXPECT_LT(bytes_for('"' + std::string(kSize, 'x') + '"'), kMost);
  EXPECT_LT(bytes_for(std::string(kSize, '9')), kMost);
  EXPECT_LT(bytes_for("[" + std::string(kSize, 'x')), kMost);
  EXPECT_LT(bytes_for(keys), kMost);
  EXPECT_LT(bytes_for(records), kMost);
}

TEST(Allocation, AClaimedLengthAllocatesNothing) {
  const auto claims_255_records =
      testing::from_hex("001a CAFE 01 07 000F 333532303933303836343033363535 08 FF 00 00 00");
  Decoded decoded;
  const std::size_t before = allocations;
  find_codec("teltonika")->decode(claims_255_records, decoded);
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(decoded.reason, "record_overrun");
}

}  // namespace
}  // namespace ingest

#endif
