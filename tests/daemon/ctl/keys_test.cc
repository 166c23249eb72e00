#include "daemon/ctl/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "ingest/key_ring.h"
#include "tests/support/temp_folder.h"

namespace hilera::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr const char* kMaster = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr const char* kOwn = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

class Keys : public ::testing::Test {
 protected:
  std::string write(const std::string& text) {
    const std::string path = folder_.path() + "/keys";
    std::ofstream(path) << text;
    ::chmod(path.c_str(), 0600);
    return path;
  }
  std::string derive(const std::string& nserie, const std::string& file) {
    std::ostringstream out;
    derive_key({.nserie = nserie, .key_id = 3, .keys_file = file}, out);
    return out.str();
  }

  testing_support::TempFolder folder_;
  std::ostringstream out_;
};

TEST_F(Keys, AreMadeAsALineOfTheFile) {
  EXPECT_EQ(generate_key({.nserie = "SN-1", .key_id = 7}, out_), 0);
  EXPECT_THAT(out_.str(), MatchesRegex("SN-1 7 [0-9a-f]{64}\n"));
  EXPECT_TRUE(ingest::KeyRing::parse(out_.str(), ingest::KeyForm::kDeviceKeys, "made")->device_key("SN-1", 7));
}

TEST_F(Keys, WithoutASerialAreOfAllDevices) {
  generate_key({.key_id = 1}, out_);
  EXPECT_THAT(out_.str(), HasSubstr("* 1 "));
  const auto ring = ingest::KeyRing::parse(out_.str(), ingest::KeyForm::kDeviceKeys, "made");
  EXPECT_TRUE(ring->device_key("anybody", 1));
}

TEST_F(Keys, AreNeverTheSameTwice) {
  std::ostringstream other;
  generate_key({.nserie = "SN-1"}, out_);
  generate_key({.nserie = "SN-1"}, other);
  EXPECT_NE(out_.str(), other.str());
}

TEST_F(Keys, AsJson) {
  generate_key({.json = true, .nserie = "SN-1", .key_id = 7}, out_);
  const auto made = nlohmann::json::parse(out_.str());
  EXPECT_EQ(made.at("nserie"), "SN-1");
  EXPECT_EQ(made.at("key_id"), 7);
  EXPECT_EQ(made.at("key").get<std::string>().size(), 64u);
}

TEST_F(Keys, OfADeviceAreItsOwnOrDerivedFromTheMasterKey) {
  const auto file = write(std::string("* 3 ") + kMaster + "\nSN-2 3 " + kOwn + "\n");
  EXPECT_EQ(derive("SN-2", file), std::string("SN-2 3 ") + kOwn + "\n");
  const auto derived = derive("SN-1", file);
  EXPECT_THAT(derived, MatchesRegex("SN-1 3 [0-9a-f]{64}\n"));
  EXPECT_THAT(derived, ::testing::Not(HasSubstr(kMaster)));
  EXPECT_EQ(derive("SN-1", file), derived);
  EXPECT_NE(derive("SN-3", file).substr(7), derived.substr(7));
}

TEST_F(Keys, WhatIsNotInTheFileIsSaid) {
  const auto file = write(std::string("SN-2 3 ") + kOwn + "\n");
  EXPECT_THROW(derive("SN-1", file), std::runtime_error);
  EXPECT_THROW(derive("SN-2", folder_.path() + "/nowhere"), std::runtime_error);
  EXPECT_THROW(derive("no serial", file), std::invalid_argument);
  EXPECT_THROW(generate_key({.nserie = "no serial"}, out_), std::invalid_argument);
}

}  // namespace
}  // namespace hilera::ctl
