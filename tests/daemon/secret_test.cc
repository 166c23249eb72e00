#include "daemon/secret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace hilera {
namespace {

using testing::HasSubstr;

class SecretFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "secretXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    unsetenv("CREDENTIALS_DIRECTORY");
    std::filesystem::remove_all(directory_);
  }

  std::string write(const std::string& content, mode_t mode = 0600) {
    const std::string path = directory_ + "/secret";
    std::ofstream(path, std::ios::binary) << content;
    chmod(path.c_str(), mode);
    return path;
  }

  static std::string error_of(const std::string& source) {
    try {
      read_secret(source);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }

  std::string directory_;
};

TEST_F(SecretFile, IsTheFirstLine) {
  EXPECT_EQ(read_secret(write("hunter2\nmore\n")).value, "hunter2");
  EXPECT_EQ(read_secret(write("hunter2")).value, "hunter2");
  EXPECT_EQ(read_secret(write("with space \r\n")).value, "with space ");
}

TEST_F(SecretFile, WarnsWhenEverybodyMayReadIt) {
  EXPECT_EQ(read_secret(write("x", 0600)).warning, "");
  EXPECT_EQ(read_secret(write("x", 0640)).warning, "");
  EXPECT_THAT(read_secret(write("x", 0644)).warning, HasSubstr("can be read by everybody"));
}

TEST_F(SecretFile, MustHaveASecret) {
  EXPECT_THAT(error_of(write("")), HasSubstr("empty"));
  EXPECT_THAT(error_of(write("\nhunter2\n")), HasSubstr("empty"));
  EXPECT_THAT(error_of(directory_ + "/none"), HasSubstr("No such file"));
  EXPECT_THAT(error_of(directory_), HasSubstr("directory"));
}

TEST_F(SecretFile, IsBounded) {
  EXPECT_EQ(read_secret(write(std::string(1024, 'x') + "\n")).value.size(), 1024U);
  EXPECT_THAT(error_of(write(std::string(1025, 'x'))), HasSubstr("longer than 1024"));
  EXPECT_THAT(error_of("/dev/zero"), HasSubstr("longer than 1024"));
}

TEST_F(SecretFile, MayBeACredentialOfSystemd) {
  write("hunter2\n");
  setenv("CREDENTIALS_DIRECTORY", directory_.c_str(), 1);
  EXPECT_EQ(read_secret("credential:secret").value, "hunter2");
  unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_THAT(error_of("credential:secret"), HasSubstr("CREDENTIALS_DIRECTORY is not set"));
}

}  // namespace
}  // namespace hilera
