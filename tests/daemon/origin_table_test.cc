#include "daemon/origin_table.h"

#include <gtest/gtest.h>

namespace hilera {
namespace {

TEST(OriginTable, KnowsTheListenersOfTheConfiguration) {
  OriginTable table;
  table.add(std::make_shared<ingest::Origin>(
      ingest::Origin{.listener = "trackers", .codec = ingest::find_codec("teltonika"), .store_raw = true}));
  const ingest::Origin& origin = table.find("trackers", "teltonika");
  EXPECT_EQ(origin.listener, "trackers");
  EXPECT_EQ(origin.codec, ingest::find_codec("teltonika"));
  EXPECT_TRUE(origin.store_raw);
}

TEST(OriginTable, MakesAnOriginForAListenerThatIsNoMore) {
  OriginTable table;
  const ingest::Origin& origin = table.find("old", "native");
  EXPECT_EQ(origin.listener, "old");
  EXPECT_EQ(origin.codec, ingest::find_codec("native"));
  EXPECT_FALSE(origin.store_raw);
  EXPECT_EQ(&table.find("old", "native"), &origin);
}

TEST(OriginTable, TellsListenersOfOneNameAndTwoCodecsApart) {
  OriginTable table;
  table.add(std::make_shared<ingest::Origin>(
      ingest::Origin{.listener = "a", .codec = ingest::find_codec("native"), .store_raw = true}));
  EXPECT_EQ(table.find("a", "teltonika").codec, ingest::find_codec("teltonika"));
  EXPECT_FALSE(table.find("a", "teltonika").store_raw);
}

TEST(OriginTable, WhatWasFoundStaysWhenAListenerOfThatNameIsAdded) {
  OriginTable table;
  const ingest::Origin& old = table.find("a", "native");
  table.add(std::make_shared<ingest::Origin>(
      ingest::Origin{.listener = "a", .codec = ingest::find_codec("native"), .store_raw = true}));
  EXPECT_TRUE(table.find("a", "native").store_raw);
  EXPECT_FALSE(old.store_raw);
  EXPECT_EQ(old.listener, "a");
}

TEST(OriginTable, ACodecThatIsNoMoreHasItsNameAndRejectsEverything) {
  OriginTable table;
  const ingest::Codec& codec = *table.find("a", "telegraph").codec;
  EXPECT_EQ(codec.name(), "telegraph");
  ingest::Decoded decoded;
  codec.decode(ingest::as_bytes("stop"), decoded);
  EXPECT_EQ(decoded.verdict, ingest::Verdict::kRejected);
  EXPECT_EQ(decoded.reason, "unknown_codec");
  EXPECT_EQ(table.find("b", "telegraph").codec, &codec);
}

}  // namespace
}  // namespace hilera
