#include "ingest/semtech_txpk.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/ingest/semtech_vectors.h"

namespace ingest::semtech {
namespace {

using ingest::testing::kTxpk;

// The published one with one member replaced, or taken away by null.
bool with(const std::string& name, const nlohmann::json& value) {
  auto object = nlohmann::json::parse(kTxpk);
  object[name] = value;
  if (value.is_null()) object.erase(name);
  return is_txpk(object.dump());
}

TEST(SemtechTxpk, IsTakenAsPublished) {
  EXPECT_TRUE(is_txpk(kTxpk));
  EXPECT_TRUE(is_txpk(R"({"tmst":3512348611,"freq":864.123456,"rfch":0,"powe":14,"modu":"LORA","datr":"SF11BW125",)"
                      R"("codr":"4/6","ipol":false,"size":32,"data":"H3P3N2i9qc4yt7rK7ldqoeCVJGBybzPY5h1Dd7P7p8v"})"));
  EXPECT_TRUE(is_txpk(R"({"tmms":1167264018000,"freq":869.525,"modu":"LORA","datr":"SF9BW125","codr":"4/5",)"
                      R"("ncrc":true,"nhdr":false,"prea":10,"ant":0,"brd":0,"size":0,"data":""})"));
}

TEST(SemtechTxpk, NeedsWhatAGatewayNeeds) {
  for (const char* name : {"imme", "freq", "modu", "datr", "fdev", "size", "data"})
    EXPECT_FALSE(with(name, nullptr)) << name;
  for (const char* name : {"rfch", "powe"})
    EXPECT_TRUE(with(name, nullptr)) << name;
}

TEST(SemtechTxpk, SaysInOneWayWhen) {
  EXPECT_FALSE(with("tmst", 1));
  EXPECT_FALSE(with("tmms", 1));
  EXPECT_FALSE(with("imme", false));
}

TEST(SemtechTxpk, HasADeviationOrACodingByItsModulation) {
  EXPECT_FALSE(with("modu", "LORA"));
  EXPECT_FALSE(with("modu", "MORSE"));
}

TEST(SemtechTxpk, HasNoUnknownMembersAndNoOtherTypes) {
  EXPECT_FALSE(with("txpk", 1));
  EXPECT_FALSE(with("freq", "861.3"));
  EXPECT_FALSE(with("freq", -1));
  EXPECT_FALSE(with("freq", nlohmann::json::object()));
  EXPECT_FALSE(with("freq", nlohmann::json::array()));
  EXPECT_FALSE(with("rfch", 0.5));
  EXPECT_FALSE(with("powe", 128));
  EXPECT_FALSE(with("tmst", 4294967296));
  EXPECT_FALSE(with("imme", 1));
  EXPECT_FALSE(with("data", true));
}

TEST(SemtechTxpk, HasTheSizeOfItsData) {
  EXPECT_FALSE(with("size", 3));
  EXPECT_FALSE(with("size", 256));
  EXPECT_TRUE(with("data", "AQIDBA")) << "padding is optional";
  EXPECT_TRUE(with("data", "-_IDBA==")) << "the other alphabet";
  EXPECT_FALSE(with("data", "AQIDBA="));
  EXPECT_FALSE(with("data", "AQIDBA==="));
  EXPECT_FALSE(with("data", "AQIDB"));
  EXPECT_FALSE(with("data", "AQID A=="));
}

TEST(SemtechTxpk, IsAnObject) {
  for (const std::string_view text : {"", "reboot", "1", "null", "[]", "{}", "{\"imme\":true", "[{}]"})
    EXPECT_FALSE(is_txpk(text)) << text;
  EXPECT_FALSE(is_txpk(std::string(kTxpk) + "}"));
  EXPECT_FALSE(is_txpk(std::string(kTxpk) + ",\"x\":1"));
}

}  // namespace
}  // namespace ingest::semtech
