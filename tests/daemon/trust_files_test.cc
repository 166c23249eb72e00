#include "daemon/trust_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "tests/support/temp_folder.h"

namespace hilera {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TrustFiles : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& content) {
    const std::string path = folder_.path() + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    ::chmod(path.c_str(), 0600);
    return path;
  }
  static std::string fault_of(const ListenerConfig& config) {
    try {
      load_trust(config);
      return "";
    } catch (const TrustFileError& error) {
      return error.what();
    }
  }

  testing_support::TempFolder folder_;
  ListenerConfig config_{.name = "field", .codec = "native"};
};

TEST_F(TrustFiles, WithoutAnyEverybodyIsBelieved) {
  const ingest::Trust trust = load_trust(config_);
  EXPECT_EQ(trust.auth, ingest::AuthPolicy::kNone);
  EXPECT_FALSE(trust.keys);
  EXPECT_TRUE(trust.knows("anybody"));
}

TEST_F(TrustFiles, KeysAreReadInTheFormOfTheCodec) {
  config_.auth = AuthMode::kRequired;
  config_.keys_file = write("keys", "SN-0001 1 " + std::string(64, 'a') + "\n");
  EXPECT_TRUE(load_trust(config_).keys->device_key("SN-0001", 1));
  config_.codec = "collectd";
  EXPECT_THAT(fault_of(config_), HasSubstr("keys:1: expected USER: PASSWORD"));
  config_.keys_file = write("passwords", "admin: secret\n");
  EXPECT_TRUE(load_trust(config_).keys->password("admin"));
}

TEST_F(TrustFiles, SerialsMayBeWrittenAsGatewaysPrintThem) {
  config_.codec = "semtech";
  config_.devices = DevicesMode::kKnown;
  config_.devices_file = write("devices", "B827EBFFFE87BD11\n");
  EXPECT_TRUE(load_trust(config_).knows("b827ebfffe87bd11"));
}

TEST_F(TrustFiles, SerialsAreOneALine) {
  config_.devices = DevicesMode::kKnown;
  config_.devices_file = write("devices", "# fleet\r\n\r\n352093086403655 \r\nSN-0001");
  const ingest::Trust trust = load_trust(config_);
  EXPECT_TRUE(trust.knows("352093086403655"));
  EXPECT_TRUE(trust.knows("SN-0001"));
  EXPECT_FALSE(trust.knows("SN-0002"));
  EXPECT_FALSE(trust.knows("# fleet"));
}

TEST_F(TrustFiles, WhatIsWrongIsSaidWithListenerFileAndLineButNoKey) {
  config_.devices_file = write("devices", "SN-0001\nSN 0002\n");
  EXPECT_THAT(fault_of(config_), AllOf(HasSubstr("listener field: "), HasSubstr("devices:2: ")));
  config_.devices_file.clear();
  config_.keys_file = folder_.path() + "/missing";
  EXPECT_THAT(fault_of(config_), HasSubstr("missing: No such file"));
  config_.keys_file = folder_.path();
  EXPECT_THAT(fault_of(config_), HasSubstr("is not a file"));
  config_.keys_file = write("keys", "SN-0001 1 " + std::string(63, 'a'));
  EXPECT_THAT(fault_of(config_), AllOf(HasSubstr("keys:1: "), Not(HasSubstr("aaaa"))));
}

}  // namespace
}  // namespace hilera
