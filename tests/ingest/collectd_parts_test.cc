#include "ingest/collectd_parts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/ingest/collectd_vectors.h"
#include "tests/ingest/hex.h"

namespace ingest::collectd {
namespace {

using testing::from_hex;
using testing::hex_of_number;
using testing::host_part;
using testing::number_part;
using testing::part;
using testing::text_part;

// What is wrong with the first part: "" for nothing.
std::string fault_of(const std::string& hex) {
  const auto bytes = from_hex(hex);
  PartReader reader(bytes);
  Part first;
  return std::string(reader.next(first) ? check_part(first) : reader.fault());
}

// The state that the parts leave, which must outlive it.
State state_of(Bytes datagram) {
  State state;
  PartReader reader(datagram);
  Part each;
  while (reader.next(each)) {
    EXPECT_EQ(check_part(each), "");
    state.take(each);
  }
  EXPECT_EQ(reader.fault(), "");
  return state;
}

TEST(CollectdParts, AreTakenOneByOne) {
  const auto datagram = from_hex(host_part("a") + part(0x7777, "beef") + text_part(0x0002, ""));
  PartReader reader(datagram);
  Part each;
  ASSERT_TRUE(reader.next(each));
  EXPECT_EQ(each.type, PartType::kHost);
  EXPECT_EQ(text_of(each.body), "a");
  ASSERT_TRUE(reader.next(each));
  EXPECT_EQ(testing::to_hex(each.bytes), "77770006beef");
  EXPECT_EQ(check_part(each), "") << "nobody knows what it is";
  ASSERT_TRUE(reader.next(each));
  EXPECT_EQ(text_of(each.body), "");
  EXPECT_FALSE(reader.next(each));
  EXPECT_EQ(reader.fault(), "");
}

TEST(CollectdParts, HaveALengthThatCanBe) {
  EXPECT_EQ(fault_of(""), "");
  EXPECT_EQ(fault_of("00"), reason::kPartOverrun);
  EXPECT_EQ(fault_of("000000"), reason::kPartOverrun);
  EXPECT_EQ(fault_of("00000000"), reason::kPartLength);
  EXPECT_EQ(fault_of("00000003 61"), reason::kPartLength);
  EXPECT_EQ(fault_of("00000004 61"), reason::kPartLength);
  EXPECT_EQ(fault_of("00000007 6100"), reason::kPartOverrun);
  EXPECT_EQ(fault_of("7777ffff 6100"), reason::kPartOverrun);
}

TEST(CollectdParts, TextEndsInItsOnlyNul) {
  EXPECT_EQ(fault_of(part(0x0002, "6100")), "");
  EXPECT_EQ(fault_of(part(0x0002, "00")), "");
  EXPECT_EQ(fault_of(part(0x0002, "61")), reason::kTextForm);
  EXPECT_EQ(fault_of(part(0x0002, "610000")), reason::kTextForm);
  EXPECT_EQ(fault_of(part(0x0002, "61006200")), reason::kTextForm);
}

TEST(CollectdParts, TextIsUtf8OfABoundedLength) {
  EXPECT_EQ(fault_of(text_part(0x0003, "caf\xc3\xa9")), "");
  EXPECT_EQ(fault_of(text_part(0x0003, "caf\xe9")), reason::kTextUtf8);
  for (const unsigned type : {0x0000, 0x0002, 0x0003, 0x0004, 0x0005}) {
    EXPECT_EQ(fault_of(text_part(type, std::string(127, 'a'))), "") << type;
    EXPECT_EQ(fault_of(text_part(type, std::string(128, 'a'))), reason::kTextLength) << type;
  }
  EXPECT_EQ(fault_of(text_part(0x0100, std::string(255, 'a'))), "");
  EXPECT_EQ(fault_of(text_part(0x0100, std::string(256, 'a'))), reason::kTextLength);
  EXPECT_EQ(fault_of(text_part(0x0100, "")), reason::kTextLength) << "a notification says something";
}

TEST(CollectdParts, AHostIsVisibleAscii) {
  EXPECT_EQ(fault_of(host_part("dev-0001.example.com")), "");
  for (const std::string_view host : {"", "a b", "a\tb", "caf\xc3\xa9", "\x7f"}) {
    EXPECT_EQ(fault_of(host_part(host)), reason::kHostCharacters) << host;
  }
}

TEST(CollectdParts, NumbersHaveEightBytes) {
  for (const unsigned type : {0x0001, 0x0007, 0x0008, 0x0009, 0x0101}) {
    EXPECT_EQ(fault_of(number_part(type, 1)), "") << type;
    EXPECT_EQ(fault_of(part(type, "00000000000001")), reason::kNumberLength) << type;
    EXPECT_EQ(fault_of(part(type, "000000000000000001")), reason::kNumberLength) << type;
  }
}

TEST(CollectdParts, SecondsAreThoseThatCollectdCanCount) {
  const std::uint64_t limit = std::uint64_t{1} << 34;
  for (const unsigned type : {0x0001, 0x0007}) {
    EXPECT_EQ(fault_of(number_part(type, limit - 1)), "");
    EXPECT_EQ(fault_of(number_part(type, limit)), reason::kTimeRange);
  }
  EXPECT_EQ(fault_of(number_part(0x0008, ~std::uint64_t{0})), "");
}

TEST(CollectdParts, SeveritiesAreThree) {
  for (const unsigned severity : {1, 2, 4})
    EXPECT_EQ(fault_of(number_part(0x0101, severity)), "");
  for (const unsigned severity : {0, 3, 5, 257})
    EXPECT_EQ(fault_of(number_part(0x0101, severity)), reason::kSeverity);
}

TEST(CollectdParts, ValuesAreAsManyAsCounted) {
  const std::string eight(16, '0');
  EXPECT_EQ(fault_of(part(0x0006, "000101" + eight)), "");
  EXPECT_EQ(fault_of(part(0x0006, "00020001" + eight + eight)), "");
  EXPECT_EQ(fault_of(part(0x0006, "0000")), reason::kValuesLength);
  EXPECT_EQ(fault_of(part(0x0006, "00")), reason::kValuesLength);
  EXPECT_EQ(fault_of(part(0x0006, "000201" + eight)), reason::kValuesLength);
  EXPECT_EQ(fault_of(part(0x0006, "000101" + eight + "00")), reason::kValuesLength);
  EXPECT_EQ(fault_of(part(0x0006, "ffff01" + eight)), reason::kValuesLength);
  EXPECT_EQ(fault_of(part(0x0006, "000104" + eight)), reason::kValueKind);
}

TEST(CollectdParts, ASignatureNamesAUserAndEncryptionIsRefused) {
  EXPECT_EQ(fault_of(part(0x0200, std::string(64, '0') + "61")), "");
  EXPECT_EQ(fault_of(part(0x0200, std::string(64, '0'))), reason::kSignatureLength);
  EXPECT_EQ(fault_of(part(0x0210, "000161" + std::string(64, '0'))), reason::kEncrypted);
}

TEST(CollectdParts, TheStateIsCarriedOn) {
  const auto datagram =
      from_hex(host_part("h") + number_part(0x0001, 3) + number_part(0x0007, 10) + text_part(0x0002, "p") +
               text_part(0x0003, "pi") + text_part(0x0004, "t") + text_part(0x0005, "ti") + text_part(0x0003, ""));
  const State state = state_of(datagram);
  EXPECT_EQ(state.host, "h");
  EXPECT_EQ(state.plugin, "p");
  EXPECT_EQ(state.plugin_instance, "") << "the second one";
  EXPECT_EQ(state.type, "t");
  EXPECT_EQ(state.type_instance, "ti");
  EXPECT_EQ(state.time, std::uint64_t{3} << 30);
  EXPECT_EQ(state.interval, std::uint64_t{10} << 30);
  EXPECT_FALSE(state.severity);
}

TEST(CollectdParts, TimeIsTheSameInBothForms) {
  const auto coarse = from_hex(number_part(0x0001, 3) + number_part(0x0007, 10));
  const auto fine = from_hex(number_part(0x0008, 3ULL << 30) + number_part(0x0009, 10ULL << 30));
  EXPECT_EQ(state_of(coarse).time, state_of(fine).time);
  EXPECT_EQ(state_of(coarse).interval, state_of(fine).interval);
}

TEST(CollectdParts, ASampleNeedsItsState) {
  const State whole{.host = "h", .plugin = "p", .type = "t", .time = 1};
  EXPECT_TRUE(whole.suffices_for(PartType::kValues));
  EXPECT_FALSE(whole.suffices_for(PartType::kMessage)) << "no severity";
  for (const auto& lacking :
       {State{.plugin = "p", .type = "t", .time = 1}, State{.host = "h", .type = "t", .time = 1},
        State{.host = "h", .plugin = "p", .time = 1}, State{.host = "h", .plugin = "p", .type = "t"}})
    EXPECT_FALSE(lacking.suffices_for(PartType::kValues));
  EXPECT_TRUE((State{.host = "h", .time = 1, .severity = Severity::kOkay}).suffices_for(PartType::kMessage));
}

TEST(CollectdParts, ASampleIsFoundAgainWithItsState) {
  const auto first = from_hex(testing::begun() + testing::gauge_part(1));
  const auto datagram =
      from_hex(testing::begun() + testing::gauge_part(1) + text_part(0x0004, "u") + testing::gauge_part(2));
  const auto once = sample_at(datagram, datagram.data() + first.size() - 15);
  EXPECT_EQ(once.state.type, "t");
  EXPECT_EQ(once.part.type, PartType::kValues);
  const auto twice = sample_at(datagram, datagram.data() + datagram.size() - 15);
  EXPECT_EQ(twice.state.type, "u");
  EXPECT_EQ(twice.part.bytes.size(), 15u);
}

TEST(CollectdParts, ValuesOfAllKindsAreRead) {
  const auto body = from_hex(
      "0005 00 01 02 03 01"
      "ffffffffffffffff 0000000000803540 fffffffffffffffe 8000000000000000 000000000000f87f");
  ValueReader values(body);
  ASSERT_TRUE(values.next());
  EXPECT_EQ(values.kind(), ValueKind::kCounter);
  EXPECT_EQ(values.count(), 18446744073709551615u);
  ASSERT_TRUE(values.next());
  EXPECT_EQ(values.kind(), ValueKind::kGauge);
  EXPECT_EQ(values.gauge(), 21.5);
  ASSERT_TRUE(values.next());
  EXPECT_EQ(values.kind(), ValueKind::kDerive);
  EXPECT_EQ(values.derive(), -2);
  ASSERT_TRUE(values.next());
  EXPECT_EQ(values.kind(), ValueKind::kAbsolute);
  EXPECT_EQ(values.count(), 9223372036854775808u);
  ASSERT_TRUE(values.next());
  EXPECT_TRUE(std::isnan(values.gauge()));
  EXPECT_FALSE(values.next());
}

TEST(CollectdParts, TheSignatureSignsUserAndRest) {
  const auto datagram = from_hex(testing::kCollectdSigned);
  const auto signature = signature_of(datagram);
  ASSERT_TRUE(signature);
  EXPECT_EQ(testing::to_hex(signature->mac), "9aed39582df6bf99f8a7167f9f37415b89bdfb117eda3cc1739a3f3c0f8f8ceb");
  EXPECT_EQ(signature->user, "dev-0001");
  EXPECT_EQ(signature->signed_bytes.size(), datagram.size() - 36);
  EXPECT_FALSE(signature_of(from_hex(testing::kCollectdUnsigned)));
  EXPECT_FALSE(signature_of(from_hex(part(0x0200, std::string(64, '0')))));
  EXPECT_FALSE(signature_of({}));
}

TEST(CollectdParts, TheHostIsSeenAmongTheFirstParts) {
  const auto peeked = [](const std::string& hex) {
    const auto bytes = from_hex(hex);
    return std::string(peek_host(bytes));
  };
  EXPECT_EQ(peeked(std::string(testing::kCollectdUnsigned)), "test.example.com");
  EXPECT_EQ(peeked(std::string(testing::kCollectdSigned)), "dev-0001");
  EXPECT_EQ(peeked(std::string(testing::kCollectdNotification)), "dev-0001");
  const std::string other = part(0x7777, "00");
  EXPECT_EQ(peeked(other + other + other + host_part("h")), "h");
  EXPECT_EQ(peeked(other + other + other + other + host_part("h")), "");
  EXPECT_EQ(peeked("00000004" + host_part("h")), "");
  EXPECT_EQ(peeked("00000015 74"), "");
  EXPECT_EQ(peeked(""), "");
}

}  // namespace
}  // namespace ingest::collectd
