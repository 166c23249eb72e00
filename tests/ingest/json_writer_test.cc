#include "ingest/json_writer.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <limits>

#include "tests/ingest/hex.h"

namespace ingest {
namespace {

using namespace std::string_view_literals;

template <typename Write>
std::string written(Write write) {
  std::string out;
  JsonWriter writer(out);
  write(writer);
  return out;
}

TEST(JsonWriter, PutsCommasBetweenMembersAndNowhereElse) {
  EXPECT_EQ(written([](JsonWriter& json) {
              json.begin_object();
              json.key("empty");
              json.begin_object();
              json.end_object();
              json.key(std::uint64_t{7});
              json.begin_object();
              json.member("a", 1);
              json.member("b", 2u);
              json.end_object();
              json.key("last");
              json.null();
              json.end_object();
            }),
            R"({"empty":{},"7":{"a":1,"b":2},"last":null})");
}

TEST(JsonWriter, PutsCommasBetweenElements) {
  EXPECT_EQ(written([](JsonWriter& json) {
              json.begin_object();
              json.key("none");
              json.begin_array();
              json.end_array();
              json.key("some");
              json.begin_array();
              json.number(1);
              json.null();
              json.begin_array();
              json.text("a");
              json.end_array();
              json.end_array();
              json.member("last", 2);
              json.end_object();
            }),
            R"({"none":[],"some":[1,null,["a"]],"last":2})");
}

TEST(JsonWriter, AppendsToWhatIsThere) {
  std::string out = "before ";
  JsonWriter(out).boolean(false);
  EXPECT_EQ(out, "before false");
}

TEST(JsonWriter, WritesIntegersExactly) {
  EXPECT_EQ(written([](JsonWriter& json) { json.number(std::numeric_limits<std::uint64_t>::max()); }),
            "18446744073709551615");
  EXPECT_EQ(written([](JsonWriter& json) { json.number(std::numeric_limits<std::int64_t>::min()); }),
            "-9223372036854775808");
  EXPECT_EQ(written([](JsonWriter& json) { json.number(std::uint8_t{200}); }), "200");
  EXPECT_EQ(written([](JsonWriter& json) { json.number(std::int8_t{-1}); }), "-1");
}

TEST(JsonWriter, WritesFloatsSoThatTheyReadBack) {
  EXPECT_EQ(written([](JsonWriter& json) { json.number(0.1F); }), "0.1");
  EXPECT_EQ(written([](JsonWriter& json) { json.number(0.1); }), "0.1");
  for (const double value : {1.0 / 3, 1e300, 5e-324, -0.0, 1e22}) {
    const std::string text = written([value](JsonWriter& json) { json.number(value); });
    EXPECT_EQ(nlohmann::json::parse(text).get<double>(), value) << text;
  }
}

TEST(JsonWriter, WritesNullForWhatIsNotANumber) {
  EXPECT_EQ(written([](JsonWriter& json) { json.number(std::numeric_limits<double>::quiet_NaN()); }), "null");
  EXPECT_EQ(written([](JsonWriter& json) { json.number(-std::numeric_limits<float>::infinity()); }), "null");
}

TEST(JsonWriter, WritesDecimalsExactly) {
  const auto decimal = [](std::int64_t units, std::size_t places) {
    return written([=](JsonWriter& json) { json.decimal(units, places); });
  };
  EXPECT_EQ(decimal(0, 7), "0.0000000");
  EXPECT_EQ(decimal(-5, 7), "-0.0000005");
  EXPECT_EQ(decimal(252799983, 7), "25.2799983");
  EXPECT_EQ(decimal(9999999, 7), "0.9999999");
  EXPECT_EQ(decimal(10000000, 7), "1.0000000");
  EXPECT_EQ(decimal(std::numeric_limits<std::int32_t>::min(), 7), "-214.7483648");
  EXPECT_EQ(decimal(std::numeric_limits<std::int64_t>::min(), 18), "-9.223372036854775808");
  EXPECT_EQ(decimal(-42, 0), "-42");
}

TEST(JsonWriter, EscapesWhatJsonDemands) {
  const std::string text("quote\" back\\ line\n return\r tab\t bell\a nul\0 \xC3\xB1 end"sv);
  const std::string json = written([&](JsonWriter& writer) { writer.text(text); });
  EXPECT_NE(json.find(R"(\u0007)"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(json).get<std::string>(), text);
}

TEST(JsonWriter, EveryAsciiCharacterReadsBack) {
  std::string text;
  for (char c = 0; c < 0x7F; ++c)
    text += c;
  EXPECT_EQ(nlohmann::json::parse(written([&](JsonWriter& json) { json.text(text); })).get<std::string>(), text);
}

TEST(JsonWriter, WritesBytesAsHexText) {
  const auto bytes = testing::from_hex("00ff5Ca0");
  EXPECT_EQ(written([&](JsonWriter& json) { json.hex(bytes); }), R"("00ff5ca0")");
  EXPECT_EQ(written([](JsonWriter& json) { json.hex({}); }), R"("")");
}

}  // namespace
}  // namespace ingest
