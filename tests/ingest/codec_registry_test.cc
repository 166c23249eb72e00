#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "ingest/codec.h"

namespace ingest {
namespace {

TEST(CodecRegistry, KnowsItsCodecsInAlphabeticalOrder) {
  EXPECT_THAT(codec_names(), ::testing::ElementsAre("collectd", "native", "semtech", "teltonika"));
}

TEST(CodecRegistry, FindsEachCodecByItsName) {
  for (const auto name : codec_names()) {
    const Codec* codec = find_codec(name);
    ASSERT_NE(codec, nullptr) << name;
    EXPECT_EQ(codec->name(), name);
    EXPECT_EQ(codec, find_codec(name)) << "always the same one";
  }
}

TEST(CodecRegistry, FindsNothingElse) {
  EXPECT_EQ(find_codec(""), nullptr);
  EXPECT_EQ(find_codec("Native"), nullptr);
  EXPECT_EQ(find_codec("native "), nullptr);
}

TEST(CodecRegistry, EveryCodecHasReasonsFitForALabel) {
  for (const auto name : codec_names()) {
    const auto reasons = find_codec(name)->reject_reasons();
    EXPECT_FALSE(reasons.empty());
    EXPECT_EQ(std::set<std::string_view>(reasons.begin(), reasons.end()).size(), reasons.size()) << "none twice";
    for (const auto reason : reasons) {
      EXPECT_TRUE(std::ranges::all_of(reason, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
      })) << reason;
    }
  }
}

TEST(Ack, HoldsUpToItsCapacity) {
  Ack ack;
  EXPECT_TRUE(ack.empty());
  EXPECT_EQ(ack.resize(Ack::kCapacity).size(), Ack::kCapacity);
  EXPECT_EQ(ack.bytes().size(), Ack::kCapacity);
  ack.resize(0);
  EXPECT_TRUE(ack.empty());
}

TEST(Decoded, KeepsNothingFromTheDatagramBefore) {
  Decoded decoded{.verdict = Verdict::kRecords,
                  .nserie = "SN-0001",
                  .nserie_storage = "SN-0001",
                  .records = {Record{}},
                  .ack_wanted = true,
                  .auth_level = AuthLevel::kMac,
                  .updates_path = true};
  decoded.reject("why");
  EXPECT_EQ(decoded.verdict, Verdict::kRejected);
  EXPECT_EQ(decoded.reason, "why");
  EXPECT_TRUE(decoded.nserie.empty());
  EXPECT_TRUE(decoded.nserie_storage.empty());
  EXPECT_TRUE(decoded.records.empty());
  EXPECT_FALSE(decoded.ack_wanted);
  EXPECT_EQ(decoded.auth_level, AuthLevel::kNone);
  EXPECT_FALSE(decoded.updates_path);
}

}  // namespace
}  // namespace ingest
