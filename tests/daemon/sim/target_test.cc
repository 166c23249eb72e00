#include "daemon/sim/target.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace hilera::sim {
namespace {

TEST(Target, TakesAddressesAsTheyAre) {
  EXPECT_EQ(resolve({"127.0.0.1", 5600}).to_string(), "127.0.0.1:5600");
  EXPECT_EQ(resolve({"::1", 5600}).to_string(), "[::1]:5600");
}

TEST(Target, LooksUpNames) {
  const auto address = resolve({"localhost", 5600});
  EXPECT_TRUE(address.host() == "127.0.0.1" || address.host() == "::1") << address.host();
  EXPECT_EQ(address.port(), 5600);
}

TEST(Target, SaysWhichNameIsUnknown) {
  try {
    resolve({"no-such-host.invalid", 5600});
    FAIL() << "resolved";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("no-such-host.invalid"), std::string::npos) << error.what();
  }
}

TEST(Target, IsReachedFromTheAddressThatTheHostUsesTowardsIt) {
  EXPECT_EQ(local_address_towards(resolve({"127.0.0.1", 5600})).to_string(), "127.0.0.1:0");
}

}  // namespace
}  // namespace hilera::sim
