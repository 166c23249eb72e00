#include "daemon/pool_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace hilera {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PoolOptionsFromConfig : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "pool_optionsXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string password_file(mode_t mode) {
    const std::string path = directory_ + "/password";
    std::ofstream(path) << "hunter2\n";
    chmod(path.c_str(), mode);
    return path;
  }

  std::string directory_;
};

TEST_F(PoolOptionsFromConfig, HasTheHostsInTheirOrder) {
  DatabaseConfig config;
  config.hosts = {{"db1", 3306}, {"2001:db8::1", 3307}};
  EXPECT_THAT(pool_options(config).connect.endpoints,
              ElementsAre(db::Endpoint{.host = "db1", .port = 3306, .socket = {}},
                          db::Endpoint{.host = "2001:db8::1", .port = 3307, .socket = {}}));
}

TEST_F(PoolOptionsFromConfig, HasTheSocketAlone) {
  DatabaseConfig config;
  config.socket = "/run/mysqld/mysqld.sock";
  const auto endpoints = pool_options(config).connect.endpoints;
  ASSERT_EQ(endpoints.size(), 1u);
  EXPECT_EQ(endpoints[0].socket, "/run/mysqld/mysqld.sock");
}

TEST_F(PoolOptionsFromConfig, HasAccountLimitsAndTimes) {
  DatabaseConfig config;
  config.user = "collector";
  config.name = "telemetry";
  config.connections = 3;
  config.connect_timeout = std::chrono::milliseconds(1234);
  config.query_timeout = std::chrono::milliseconds(5678);
  const auto options = pool_options(config);
  EXPECT_EQ(options.connections, 3u);
  EXPECT_EQ(options.connect.user, "collector");
  EXPECT_EQ(options.connect.database, "telemetry");
  EXPECT_EQ(options.connect.connect_timeout, std::chrono::milliseconds(1234));
  EXPECT_EQ(options.connect.query_timeout, std::chrono::milliseconds(5678));
  EXPECT_THAT(options.connect.password, IsEmpty());
}

TEST_F(PoolOptionsFromConfig, TriesToConnectEverySecondHoweverLongTheOutageWas) {
  EXPECT_EQ(pool_options({}).back_off_max, std::chrono::seconds(1));
}

TEST_F(PoolOptionsFromConfig, UsesTlsWhereItIsAskedFor) {
  DatabaseConfig config;
  EXPECT_FALSE(pool_options(config).connect.tls.has_value());
  config.tls = TlsConfig{.ca = "/etc/ssl/db.pem", .verify = false};
  const auto tls = pool_options(config).connect.tls;
  ASSERT_TRUE(tls.has_value());
  EXPECT_EQ(tls->ca_file, "/etc/ssl/db.pem");
  EXPECT_FALSE(tls->verify_server);
}

TEST_F(PoolOptionsFromConfig, ReadsThePassword) {
  DatabaseConfig config;
  config.password_file = password_file(0600);
  testing::internal::CaptureStderr();
  EXPECT_EQ(pool_options(config).connect.password, "hunter2");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), IsEmpty());
}

TEST_F(PoolOptionsFromConfig, WarnsOfAPasswordThatOthersMayRead) {
  DatabaseConfig config;
  config.password_file = password_file(0644);
  testing::internal::CaptureStderr();
  EXPECT_EQ(pool_options(config).connect.password, "hunter2");
  const auto log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr(config.password_file));
  EXPECT_THAT(log, testing::Not(HasSubstr("hunter2")));
}

TEST_F(PoolOptionsFromConfig, NamesThePasswordFileThatIsMissing) {
  DatabaseConfig config;
  config.password_file = directory_ + "/nowhere";
  try {
    pool_options(config);
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nowhere"));
  }
}

}  // namespace
}  // namespace hilera
