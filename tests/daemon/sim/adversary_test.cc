#include "daemon/sim/adversary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <set>
#include <string>

namespace hilera::sim {
namespace {

std::string text_of(ingest::Bytes bytes) {
  return std::string(ingest::as_text(bytes));
}

void overhear(Adversary& adversary, std::string_view text) {
  adversary.overhear(ingest::as_bytes(text));
}

int bits_apart(std::string_view a, std::string_view b) {
  int bits = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    bits += std::popcount(static_cast<unsigned char>(a[i] ^ b[i]));
  return bits;
}

TEST(Adversary, IsIdleUnlessAskedForSomething) {
  EXPECT_TRUE(Adversary({}).idle());
  EXPECT_FALSE(Adversary({.replays = 0.1}).idle());
  EXPECT_FALSE(Adversary({.forgeries = 0.1}).idle());
}

TEST(Adversary, HasNothingToSendBeforeItHasHeardAnything) {
  Adversary adversary({.replays = 1, .forgeries = 1});
  EXPECT_FALSE(adversary.replay());
  EXPECT_FALSE(adversary.forge());
}

TEST(Adversary, ReplaysWhatItHasHeardToTheByte) {
  Adversary adversary({.replays = 1});
  const std::set<std::string> heard{"one", "two", "three"};
  for (const std::string& frame : heard)
    overhear(adversary, frame);
  std::set<std::string> sent;
  for (int i = 0; i < 200; ++i)
    sent.insert(text_of(adversary.replay().value()));
  EXPECT_EQ(sent, heard);
}

TEST(Adversary, ForgesByOneBit) {
  Adversary adversary({.forgeries = 1});
  overhear(adversary, "a frame");
  std::set<std::string> forged;
  for (int i = 0; i < 1000; ++i) {
    const std::string frame = text_of(adversary.forge().value());
    ASSERT_EQ(frame.size(), 7u);
    ASSERT_EQ(bits_apart(frame, "a frame"), 1);
    forged.insert(frame);
  }
  EXPECT_EQ(forged.size(), 7u * 8) << "each bit, sooner or later";
}

TEST(Adversary, SendsAsOftenAsAsked) {
  Adversary adversary({.replays = 0.25});
  overhear(adversary, "a frame");
  int sent = 0;
  for (int i = 0; i < 10'000; ++i)
    sent += adversary.replay() ? 1 : 0;
  EXPECT_NEAR(sent, 2500, 250);
  EXPECT_FALSE(adversary.forge());
}

TEST(Adversary, RemembersTheLastOnesWhenItsMemoryIsFull) {
  Adversary adversary({.replays = 1});
  overhear(adversary, "old");
  for (std::size_t i = 0; i < Adversary::kMemory; ++i)
    overhear(adversary, "new");
  for (std::size_t i = 0; i < 10 * Adversary::kMemory; ++i)
    ASSERT_EQ(text_of(adversary.replay().value()), "new");
}

}  // namespace
}  // namespace hilera::sim
