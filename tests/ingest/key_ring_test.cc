#include "ingest/key_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/ingest/hex.h"

namespace ingest {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::to_hex;

constexpr std::string_view kOne = "0000000000000000000000000000000000000000000000000000000000000001";
constexpr std::string_view kTwo = "0000000000000000000000000000000000000000000000000000000000000002";

std::shared_ptr<const KeyRing> device_keys(const std::string& text) {
  return KeyRing::parse(text, KeyForm::kDeviceKeys, "keys");
}

std::string hex_of(const std::optional<DeviceKey>& key) {
  return key ? to_hex(key->bytes()) : "none";
}

std::string fault_of(const std::string& text, KeyForm form = KeyForm::kDeviceKeys) {
  try {
    KeyRing::parse(text, form, "keys");
    return "";
  } catch (const KeyFileError& error) {
    return error.what();
  }
}

TEST(KeyRing, HasTheKeysOfItsFile) {
  const auto keys = device_keys("# of the field test\n\nSN-0001 1 " + std::string(kOne) + "\r\n\tSN-0001   2\t" +
                                std::string(kTwo) + "\n");
  EXPECT_EQ(hex_of(keys->device_key("SN-0001", 1)), kOne);
  EXPECT_EQ(hex_of(keys->device_key("SN-0001", 2)), kTwo);
  EXPECT_EQ(hex_of(keys->device_key("SN-0001", 3)), "none");
  EXPECT_EQ(hex_of(keys->device_key("SN-0002", 1)), "none");
  EXPECT_EQ(keys->size(), 2u);
  EXPECT_TRUE(keys->names("SN-0001"));
  EXPECT_FALSE(keys->names("SN-0002"));
}

TEST(KeyRing, DerivesTheKeysOfAllDevicesFromAMasterKey) {
  const auto keys = device_keys("* 0 " + std::string(kOne));
  // BLAKE2b-256 of "SN-0001" by Python's hashlib: blake2b(b"SN-0001", digest_size=32, key=..., person=...).
  EXPECT_EQ(hex_of(keys->device_key("SN-0001", 0)), "66a09f30b9113fc23baed73c51600aa083824bdeec92fc0e30b06ab14975129f");
  EXPECT_NE(hex_of(keys->device_key("SN-0002", 0)), hex_of(keys->device_key("SN-0001", 0)));
  EXPECT_EQ(hex_of(keys->device_key("SN-0001", 1)), "none");
  EXPECT_FALSE(keys->names("SN-0001")) << "everybody could claim such a serial";
}

TEST(KeyRing, PrefersTheKeyOfADeviceToTheDerivedOneOfItsNumber) {
  const auto keys =
      device_keys("* 0 " + std::string(kOne) + "\n* 1 " + std::string(kOne) + "\nSN-0001 1 " + std::string(kTwo));
  EXPECT_EQ(hex_of(keys->device_key("SN-0001", 1)), kTwo);
  EXPECT_EQ(hex_of(keys->device_key("SN-0001", 0)), hex_of(DeviceKey::from_hex(kOne)->derive("SN-0001")));
}

TEST(KeyRing, SaysWhatIsWrongAndWhereButNeverAKey) {
  const std::string one(kOne);
  EXPECT_THAT(fault_of("SN-0001 1 " + one + "\nSN-0002 " + one), HasSubstr("keys:2: "));
  EXPECT_THAT(fault_of("SN-0001 256 " + one), HasSubstr("0 to 255"));
  EXPECT_THAT(fault_of("SN-0001 -1 " + one), HasSubstr("0 to 255"));
  EXPECT_THAT(fault_of("SN-0001 1x " + one), HasSubstr("0 to 255"));
  EXPECT_THAT(fault_of("SN-0001"), HasSubstr("0 to 255"));
  EXPECT_THAT(fault_of("SN-0001 1"), HasSubstr("64 hex digits"));
  EXPECT_THAT(fault_of("SN-0001 1 " + one + "0"), AllOf(HasSubstr("64 hex digits"), Not(HasSubstr(one))));
  EXPECT_THAT(fault_of("SN-0001 1 " + one.substr(1)), HasSubstr("64 hex digits"));
  EXPECT_THAT(fault_of("SN-0001 1 g" + one.substr(1)), HasSubstr("64 hex digits"));
  EXPECT_THAT(fault_of("SN/0001 1 " + one), HasSubstr("expected a serial"));
  EXPECT_THAT(fault_of(std::string(33, 'A') + " 1 " + one), HasSubstr("expected a serial"));
  EXPECT_THAT(fault_of("SN-0001 1 " + one + "\nSN-0001 1 " + one), HasSubstr("keys:2: a second key 1 of SN-0001"));
}

TEST(KeyRing, HasThePasswordsOfItsFile) {
  const auto keys = KeyRing::parse("# collectd\nadmin: s3cr3t: with colon \nother:x\n", KeyForm::kPasswords, "keys");
  ASSERT_TRUE(keys->password("admin"));
  EXPECT_EQ(as_text(*keys->password("admin")), "s3cr3t: with colon");
  EXPECT_EQ(as_text(*keys->password("other")), "x");
  EXPECT_FALSE(keys->password("nobody"));
  EXPECT_THAT(fault_of("admin s3cr3t", KeyForm::kPasswords), HasSubstr("USER: PASSWORD"));
  EXPECT_THAT(fault_of("admin:", KeyForm::kPasswords), HasSubstr("USER: PASSWORD"));
  EXPECT_THAT(fault_of(": s3cr3t", KeyForm::kPasswords), HasSubstr("USER: PASSWORD"));
  EXPECT_THAT(fault_of("a: b\na: c", KeyForm::kPasswords), HasSubstr("keys:2: a second password"));
}

TEST(KeyRing, NeverReadsBeyondAPasswordThatIsAskedForAsAKey) {
  const auto passwords = KeyRing::parse("SN-0001: short", KeyForm::kPasswords, "keys");
  EXPECT_EQ(hex_of(passwords->device_key("SN-0001", 0)), "none");
}

TEST(KeyRing, MayBeEmpty) {
  EXPECT_EQ(device_keys("")->size(), 0u);
  EXPECT_EQ(device_keys("\n\n#\n")->device_key("SN-0001", 0).has_value(), false);
}

TEST(DeviceKey, IsAnotherOneEachTime) {
  EXPECT_FALSE(std::ranges::equal(DeviceKey::generate().bytes(), DeviceKey::generate().bytes()));
}

}  // namespace
}  // namespace ingest
