// Which server and account `schema apply` uses. Applying itself is tested against a server, in tests/system.

#include "daemon/ctl/schema_apply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <stdexcept>
#include <string>

#include "tests/support/temp_folder.h"

namespace hilera::ctl {
namespace {

using testing::ElementsAre;

class SchemaDatabase : public testing::Test {
 protected:
  void SetUp() override {
    config_ = folder_.path() + "/hilera.yaml";
    std::ofstream(config_) << "listeners: [{name: a, codec: native, address: 127.0.0.1, port: 0}]\n"
                              "database: {hosts: [db], name: telemetry, password_file: /run/secret, tls: {}}\n";
  }

  testing_support::TempFolder folder_;
  std::string config_;
};

TEST_F(SchemaDatabase, IsThatOfTheConfiguration) {
  const auto database = schema_database({.config = config_});
  EXPECT_THAT(database.hosts, ElementsAre(HostPort{"db", 3306}));
  EXPECT_EQ(database.name, "telemetry");
  EXPECT_EQ(database.user, "hilera");
  EXPECT_EQ(database.password_file, "/run/secret");
  EXPECT_TRUE(database.tls);
}

TEST_F(SchemaDatabase, AnotherUserHasAnotherPassword) {
  EXPECT_EQ(schema_database({.config = config_, .user = "root"}).password_file, "");
  EXPECT_EQ(schema_database({.config = config_, .user = "root", .password_file = "/p"}).password_file, "/p");
}

TEST_F(SchemaDatabase, TheCommandLineWins) {
  const auto database =
      schema_database({.config = config_, .host = "[::1]:3307", .database = "other", .tls_ca = "/ca"});
  EXPECT_THAT(database.hosts, ElementsAre(HostPort{"::1", 3307}));
  EXPECT_EQ(database.name, "other");
  EXPECT_EQ(database.tls->ca, "/ca");
  const auto local = schema_database({.config = config_, .socket = "/s"});
  EXPECT_THAT(local.hosts, ElementsAre());
  EXPECT_EQ(local.socket, "/s");
  EXPECT_FALSE(local.tls);
}

TEST_F(SchemaDatabase, NeedsNoConfiguration) {
  const auto database = schema_database({.socket = "/s", .user = "root"});
  EXPECT_EQ(database.socket, "/s");
  EXPECT_EQ(database.name, "hilera");
}

TEST_F(SchemaDatabase, MustBeKnown) {
  EXPECT_THROW(schema_database({}), std::invalid_argument);
  EXPECT_THROW(schema_database({.host = "a b"}), std::invalid_argument);
  EXPECT_THROW(schema_database({.config = "/nonexistent"}), ConfigError);
  const std::string alone = config_ + ".alone";
  std::ofstream(alone) << "listeners:\n  - {name: n, codec: native, address: 127.0.0.1, port: 5600}\n";
  EXPECT_THROW(schema_database({.config = alone}), std::invalid_argument) << "it has no section `database`";
  EXPECT_EQ(schema_database({.config = alone, .socket = "/s"}).socket, "/s");
}

}  // namespace
}  // namespace hilera::ctl
