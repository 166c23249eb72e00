#include "ingest/native_items.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <limits>

#include "ingest/native_frame.h"
#include "tests/ingest/hex.h"

namespace ingest::native {
namespace {

using testing::from_hex;
using testing::to_hex;

std::string_view fault(std::string_view hex) {
  const auto payload = from_hex(hex);
  return check_items(payload);
}

std::string as_json(Bytes payload) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  ItemReader items(payload);
  Item item;
  while (items.next(item))
    write_item(item, json);
  json.end_object();
  EXPECT_EQ(items.fault(), "");
  return text;
}

TEST(NativeItems, EveryTypeIsWrittenAndReadBack) {
  std::vector<std::byte> payload;
  ItemWriter items(payload);
  items.add_bool(0, true);
  items.add_bool(1, false);
  items.add_integer(2, std::uint8_t{255});
  items.add_integer(3, std::uint16_t{65535});
  items.add_integer(4, std::uint32_t{4294967295});
  items.add_integer(5, std::numeric_limits<std::uint64_t>::max());
  items.add_integer(6, std::int8_t{-128});
  items.add_integer(7, std::int16_t{-32768});
  items.add_integer(8, std::numeric_limits<std::int32_t>::min());
  items.add_integer(9, std::numeric_limits<std::int64_t>::min());
  items.add_float(10, 0.1F);
  items.add_double(11, -2.5e300);
  items.add_text(12, "\xC3\xB1 \"quoted\"");
  items.add_blob(13, from_hex("00ff"));
  items.add_text(14, "");
  items.add_blob(65535, {});
  EXPECT_EQ(check_items(payload), "");
  EXPECT_EQ(as_json(payload),
            R"({"0":true,"1":false,"2":255,"3":65535,"4":4294967295,"5":18446744073709551615,"6":-128,"7":-32768,)"
            R"("8":-2147483648,"9":-9223372036854775808,"10":0.1,"11":-2.5e+300,"12":")"
            "\xC3\xB1"
            R"( \"quoted\"","13":"00ff","14":"","65535":""})");
}

TEST(NativeItems, HaveTheTypeOfTheIntegerThatIsAdded) {
  std::vector<std::byte> payload;
  ItemWriter(payload).add_integer(1, std::int16_t{-2});
  EXPECT_EQ(to_hex(payload), "000122fffe");
  payload.clear();
  ItemWriter(payload).add_integer(1, std::uint64_t{1});
  EXPECT_EQ(to_hex(payload), "0001180000000000000001");
}

TEST(NativeItems, FloatsThatAreNoNumbersBecomeNull) {
  std::vector<std::byte> payload;
  ItemWriter items(payload);
  items.add_float(1, std::numeric_limits<float>::quiet_NaN());
  items.add_double(2, std::numeric_limits<double>::infinity());
  EXPECT_EQ(as_json(payload), R"({"1":null,"2":null})");
}

TEST(NativeItems, AreRefusedWithTheReason) {
  EXPECT_EQ(fault(""), reason::kEmptyPayload);
  EXPECT_EQ(fault("00"), reason::kItemTruncated);
  EXPECT_EQ(fault("0001"), reason::kItemTruncated);
  EXPECT_EQ(fault("0001 14 000000"), reason::kItemTruncated);
  EXPECT_EQ(fault("0001 40 00"), reason::kItemTruncated);
  EXPECT_EQ(fault("0001 40 0003 6162"), reason::kItemTruncated);
  EXPECT_EQ(fault("0001 50 ffff 6162"), reason::kItemTruncated);
  EXPECT_EQ(fault("0001 11 05 00"), reason::kItemTruncated) << "a rest that is no item";
  EXPECT_EQ(fault("0001 00 00"), reason::kItemType);
  EXPECT_EQ(fault("0001 13 000000"), reason::kItemType);
  EXPECT_EQ(fault("0001 ff 00"), reason::kItemType);
  EXPECT_EQ(fault("0001 11 05 0001 11 06"), reason::kItemOrder) << "the same id twice";
  EXPECT_EQ(fault("0002 11 05 0001 11 06"), reason::kItemOrder);
  EXPECT_EQ(fault("0001 01 02"), reason::kItemValue);
  EXPECT_EQ(fault("0001 40 0002 c328"), reason::kTextUtf8);
}

TEST(NativeItems, EndAtTheFirstFault) {
  const auto payload = from_hex("0001 11 05 0001 11 06 0003 11 07");
  ItemReader items(payload);
  Item item;
  EXPECT_TRUE(items.next(item));
  EXPECT_FALSE(items.next(item));
  EXPECT_FALSE(items.next(item)) << "nothing behind a fault is read";
  EXPECT_EQ(items.fault(), reason::kItemOrder);
}

}  // namespace
}  // namespace ingest::native
