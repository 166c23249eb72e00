#include "ingest/utf8.h"

#include <gtest/gtest.h>

namespace ingest {
namespace {

using namespace std::string_view_literals;

TEST(Utf8, AcceptsEveryLengthOfSequence) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("plain"));
  EXPECT_TRUE(is_utf8("a\0b"sv));
  EXPECT_TRUE(is_utf8("\xC3\xB1"));
  EXPECT_TRUE(is_utf8("\xE2\x82\xAC"));
  EXPECT_TRUE(is_utf8("\xF0\x9F\x9A\x9A"));
}

TEST(Utf8, AcceptsTheEdgesOfEachRange) {
  for (const auto edge : {"\x7F"sv, "\xC2\x80"sv, "\xDF\xBF"sv, "\xE0\xA0\x80"sv, "\xED\x9F\xBF"sv, "\xEE\x80\x80"sv,
                          "\xEF\xBF\xBF"sv, "\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv}) {
    EXPECT_TRUE(is_utf8(edge)) << ::testing::PrintToString(edge);
  }
}

TEST(Utf8, RefusesWhatUnicodeForbids) {
  EXPECT_FALSE(is_utf8("\x80")) << "a continuation without a lead";
  EXPECT_FALSE(is_utf8("\xC3")) << "cut short";
  EXPECT_FALSE(is_utf8("\xE2\x82")) << "cut short";
  EXPECT_FALSE(is_utf8("\xF0\x9F\x9A")) << "cut short";
  EXPECT_FALSE(is_utf8("\xC3(")) << "a lead without its continuation";
  EXPECT_FALSE(is_utf8("\xC0\x80")) << "overlong";
  EXPECT_FALSE(is_utf8("\xC1\xBF")) << "overlong";
  EXPECT_FALSE(is_utf8("\xE0\x9F\xBF")) << "overlong";
  EXPECT_FALSE(is_utf8("\xF0\x8F\xBF\xBF")) << "overlong";
  EXPECT_FALSE(is_utf8("\xED\xA0\x80")) << "surrogate";
  EXPECT_FALSE(is_utf8("\xF4\x90\x80\x80")) << "above U+10FFFF";
  EXPECT_FALSE(is_utf8("\xF5\x80\x80\x80")) << "above U+10FFFF";
  EXPECT_FALSE(is_utf8("good \xFF bad"));
}

}  // namespace
}  // namespace ingest
