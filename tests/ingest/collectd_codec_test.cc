#include "ingest/collectd_codec.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "ingest/collectd_parts.h"
#include "ingest/trust.h"
#include "tests/ingest/codec_support.h"
#include "tests/ingest/collectd_vectors.h"

namespace ingest {
namespace {

namespace reason = collectd::reason;
using testing::begun;
using testing::decode;
using testing::fields;
using testing::fields_text;
using testing::from_hex;
using testing::gauge_part;
using testing::host_part;
using testing::number_part;
using testing::part;
using testing::text_part;

const CollectdCodec kCodec;

constexpr std::int64_t kBegunAt = 1'700'000'000'000;

std::string reject_reason(const std::string& hex) {
  return testing::reject_reason(kCodec, from_hex(hex));
}

std::shared_ptr<const KeyRing> ring(const std::string& text = "dev-0001: s3cr3t") {
  return KeyRing::parse(text, KeyForm::kPasswords, "passwords");
}

std::string verify(Bytes datagram, const KeyRing& keys) {
  return std::string(kCodec.verify(datagram, decode(kCodec, datagram), keys));
}

// --- the published datagrams -----------------------------------------------------------------------------------------

TEST(CollectdCodec, DecodesThePublishedExample) {
  const auto datagram = from_hex(testing::kCollectdUnsigned);
  const Decoded decoded = decode(kCodec, datagram);
  ASSERT_EQ(decoded.verdict, Verdict::kRecords);
  EXPECT_EQ(decoded.nserie, "test.example.com");
  EXPECT_FALSE(decoded.tagged);
  EXPECT_FALSE(decoded.ack_wanted);
  EXPECT_TRUE(decoded.updates_path);
  EXPECT_EQ(decoded.counter, 0u);
  ASSERT_EQ(decoded.records.size(), 1u);
  EXPECT_EQ(decoded.records[0].device_time, 1'399'927'302'049) << "1399927302.048765 s, to the nearest millisecond";
  EXPECT_EQ(decoded.records[0].frame_id >> 30, 1'399'927'302u);
  EXPECT_EQ(
      fields_text(kCodec, datagram),
      R"({"plugin":"ping","type":"ping","type_instance":"ping-target.example.com","interval":1,"values":[null]})");
}

TEST(CollectdCodec, DecodesTheSignedExample) {
  const auto datagram = from_hex(testing::kCollectdSigned);
  const Decoded decoded = decode(kCodec, datagram);
  ASSERT_EQ(decoded.verdict, Verdict::kRecords);
  EXPECT_EQ(decoded.nserie, "dev-0001");
  EXPECT_TRUE(decoded.tagged);
  EXPECT_EQ(decoded.auth_level, AuthLevel::kNone) << "nobody has checked the signature yet";
  ASSERT_EQ(decoded.records.size(), 1u);
  EXPECT_EQ(decoded.records[0].device_time, kBegunAt);
  EXPECT_EQ(fields_text(kCodec, datagram),
            R"({"plugin":"sensors","type":"temperature","interval":10,"values":[21.5]})");
  EXPECT_EQ(verify(datagram, *ring()), "");
}

TEST(CollectdCodec, ANotificationIsARecord) {
  const auto datagram = from_hex(testing::kCollectdNotification);
  const Decoded decoded = decode(kCodec, datagram);
  ASSERT_EQ(decoded.verdict, Verdict::kRecords);
  EXPECT_EQ(decoded.nserie, "dev-0001");
  EXPECT_EQ(decoded.records.at(0).device_time, kBegunAt);
  EXPECT_EQ(fields_text(kCodec, datagram), R"({"plugin":"dis","severity":"warning","message":"full"})");
}

// --- samples ---------------------------------------------------------------------------------------------------------

TEST(CollectdCodec, EachListOfValuesIsARecordWithWhatHoldsThere) {
  const auto datagram =
      from_hex(begun() + number_part(0x0007, 10) + text_part(0x0003, "0") + text_part(0x0005, "idle") + gauge_part(1) +
               text_part(0x0005, "wait") + number_part(0x0009, 1ULL << 29) + gauge_part(0.25) + text_part(0x0002, "q") +
               text_part(0x0003, "") + text_part(0x0005, "") + gauge_part(-1));
  EXPECT_EQ(fields_text(kCodec, datagram, 0),
            R"({"plugin":"p","plugin_instance":"0","type":"t","type_instance":"idle","interval":10,"values":[1]})");
  EXPECT_EQ(fields_text(kCodec, datagram, 1),
            R"({"plugin":"p","plugin_instance":"0","type":"t","type_instance":"wait","interval":0.5,"values":[0.25]})");
  EXPECT_EQ(fields_text(kCodec, datagram, 2), R"({"plugin":"q","type":"t","interval":0.5,"values":[-1]})");
}

TEST(CollectdCodec, IntegersAreExactAndWhatIsNoNumberIsNull) {
  const auto datagram = from_hex(begun() + part(0x0006,
                                                "0007 00 02 03 01 01 01 01"
                                                "ffffffffffffffff 8000000000000000 7fffffffffffffff"
                                                "9a9999999999b93f 000000000000f07f 000000000000f0ff"
                                                "000000000000f87f"));
  EXPECT_EQ(fields_text(kCodec, datagram),
            R"({"plugin":"p","type":"t","values":[18446744073709551615,-9223372036854775808,9223372036854775807,0.1,)"
            R"(null,null,null]})");
}

TEST(CollectdCodec, RecordsStandInTheOrderOfTheirTime) {
  const auto datagram = from_hex(begun() + gauge_part(0) + number_part(0x0001, 1'700'000'002) + gauge_part(2) +
                                 number_part(0x0001, 1'700'000'001) + gauge_part(1) + gauge_part(1.5));
  for (std::size_t index = 0; index < 4; ++index) {
    const double expected[] = {0, 1, 1.5, 2};
    EXPECT_EQ(fields(kCodec, datagram, index)["values"][0], expected[index]);
  }
}

TEST(CollectdCodec, PartsOfUnknownTypeAreSkipped) {
  const auto datagram =
      from_hex(part(0x7777, "ff") + begun() + part(0x0300, "ff") + gauge_part(1) + part(0x000a, "00"));
  EXPECT_EQ(fields_text(kCodec, datagram), R"({"plugin":"p","type":"t","values":[1]})");
}

TEST(CollectdCodec, TextIsEscapedInTheFields) {
  const auto datagram = from_hex(host_part("h") + number_part(0x0001, 1) + number_part(0x0101, 1) +
                                 text_part(0x0100, "\"caf\xc3\xa9\"\n"));
  EXPECT_EQ(fields_text(kCodec, datagram), "{\"severity\":\"failure\",\"message\":\"\\\"caf\xc3\xa9\\\"\\n\"}");
}

TEST(CollectdCodec, ATimeThatCannotBeStaysInTheFields) {
  const auto datagram = from_hex(begun() + number_part(0x0008, 1ULL << 63) + gauge_part(1));
  const Decoded decoded = decode(kCodec, datagram);
  EXPECT_FALSE(decoded.records.at(0).device_time);
  EXPECT_EQ(decoded.records.at(0).frame_id >> 63, 1u);
  EXPECT_EQ(fields_text(kCodec, datagram), R"({"plugin":"p","type":"t","time":8589934592,"values":[1]})");
}

TEST(CollectdCodec, TheLatestTimeIsBelowThoseWithoutOne) {
  const auto datagram = from_hex(begun() + number_part(0x0008, ~std::uint64_t{0} >> 1) + gauge_part(1));
  const Decoded decoded = decode(kCodec, datagram);
  EXPECT_EQ(decoded.records.at(0).device_time, 8'589'934'592'000);
  EXPECT_EQ(decoded.records.at(0).frame_id >> 30, (std::uint64_t{1} << 33) - 1);
}

TEST(CollectdCodec, ADatagramFullOfValuesIsTaken) {
  std::string hex = begun();
  std::size_t samples = 0;
  for (; (hex.size() + 30) / 2 <= kCodec.max_datagram_size(); ++samples)
    hex += gauge_part(static_cast<double>(samples));
  const auto datagram = from_hex(hex);
  EXPECT_EQ(decode(kCodec, datagram).records.size(), samples);
  EXPECT_EQ(fields(kCodec, datagram, samples - 1)["values"][0], samples - 1);
}

TEST(CollectdCodec, NothingIsAnsweredAndNothingGoesDown) {
  EXPECT_EQ(testing::ack_hex(kCodec, from_hex(testing::kCollectdUnsigned)), "");
  EXPECT_FALSE(kCodec.encode_downlink("dev-0001", 1, as_bytes("x"), nullptr));
}

// --- what makes a record the same record -----------------------------------------------------------------------------

Record record_of(const std::string& hex, std::size_t index = 0) {
  const auto datagram = from_hex(hex);
  return decode(kCodec, datagram).records.at(index);
}

TEST(CollectdCodec, ARecordIsItselfInEveryDatagram) {
  const Record alone = record_of(begun() + gauge_part(7));
  const Record second =
      record_of(begun() + text_part(0x0005, "x") + gauge_part(6) + text_part(0x0005, "") + gauge_part(7), 1);
  EXPECT_EQ(alone.frame_id, second.frame_id);
  EXPECT_EQ(alone.digest, second.digest);
}

TEST(CollectdCodec, EqualValuesOfDifferentThingsAreDifferentRecords) {
  const std::string value = gauge_part(7);
  const std::vector<std::string> datagrams = {
      begun() + value,
      begun() + text_part(0x0002, "p2") + value,
      begun() + text_part(0x0002, "x") + value,
      begun() + text_part(0x0003, "x") + value,
      begun() + text_part(0x0004, "x") + value,
      begun() + text_part(0x0005, "x") + value,
      begun() + text_part(0x0003, "xt") + text_part(0x0004, "t") + value,
      begun() + number_part(0x0007, 10) + value,
      begun() + number_part(0x0008, 1'700'000'000ULL * (1 << 30) + 1) + value,
      begun() + part(0x0006, "0001020000000000001c40"),
  };
  std::set<std::uint64_t> digests;
  std::set<std::uint64_t> ids;
  for (const auto& each : datagrams) {
    const Record record = record_of(each);
    EXPECT_EQ(record.frame_id >> 30, 1'700'000'000u);
    digests.insert(record.digest);
    ids.insert(record.frame_id);
  }
  EXPECT_EQ(digests.size(), datagrams.size());
  EXPECT_EQ(ids.size(), datagrams.size());
}

TEST(CollectdCodec, AThousandSamplesOfOneMomentHaveKeysOfTheirOwn) {
  std::set<std::uint64_t> ids;
  for (int i = 0; i < 1000; ++i)
    ids.insert(record_of(begun() + text_part(0x0005, std::to_string(i)) + gauge_part(0)).frame_id);
  EXPECT_EQ(ids.size(), 1000u);
}

// --- what is refused -------------------------------------------------------------------------------------------------

TEST(CollectdCodec, RefusesWhatIsMalformedAnywhere) {
  const std::string good = begun() + gauge_part(1);
  EXPECT_EQ(reject_reason(good), "");
  EXPECT_EQ(reject_reason(good + "00"), reason::kPartOverrun);
  EXPECT_EQ(reject_reason(good + "77770004"), reason::kPartLength);
  EXPECT_EQ(reject_reason(good + part(0x0002, "61")), reason::kTextForm);
  EXPECT_EQ(reject_reason(good + text_part(0x0002, "\xff")), reason::kTextUtf8);
  EXPECT_EQ(reject_reason(good + text_part(0x0002, std::string(128, 'a'))), reason::kTextLength);
  EXPECT_EQ(reject_reason(good + part(0x0001, "00")), reason::kNumberLength);
  EXPECT_EQ(reject_reason(good + number_part(0x0001, ~std::uint64_t{0})), reason::kTimeRange);
  EXPECT_EQ(reject_reason(good + number_part(0x0101, 3)), reason::kSeverity);
  EXPECT_EQ(reject_reason(good + part(0x0006, "0000")), reason::kValuesLength);
  EXPECT_EQ(reject_reason(good + part(0x0006, "0001090000000000000000")), reason::kValueKind);
  EXPECT_EQ(reject_reason(host_part("") + good), reason::kHostCharacters);
}

TEST(CollectdCodec, RefusesADatagramWithoutSamples) {
  EXPECT_EQ(reject_reason(""), reason::kNoRecords);
  EXPECT_EQ(reject_reason(begun()), reason::kNoRecords);
}

TEST(CollectdCodec, RefusesASampleThatLacksSomething) {
  const std::string host = host_part("h");
  const std::string time = number_part(0x0001, 1);
  const std::string plugin = text_part(0x0002, "p");
  const std::string type = text_part(0x0004, "t");
  const std::string value = gauge_part(1);
  EXPECT_EQ(reject_reason(host + time + plugin + type + value), "");
  EXPECT_EQ(reject_reason(time + plugin + type + value), reason::kIncomplete);
  EXPECT_EQ(reject_reason(host + plugin + type + value), reason::kIncomplete);
  EXPECT_EQ(reject_reason(host + time + type + value), reason::kIncomplete);
  EXPECT_EQ(reject_reason(host + time + plugin + value), reason::kIncomplete);
  EXPECT_EQ(reject_reason(host + number_part(0x0001, 0) + plugin + type + value), reason::kIncomplete);
  EXPECT_EQ(reject_reason(host + time + text_part(0x0002, "") + type + value), reason::kIncomplete);
  EXPECT_EQ(reject_reason(host + time + text_part(0x0100, "m")), reason::kIncomplete);
  EXPECT_EQ(reject_reason(value + host + time + plugin + type + value), reason::kIncomplete) << "the first one";
}

TEST(CollectdCodec, RefusesADatagramOfSeveralHosts) {
  EXPECT_EQ(reject_reason(begun() + gauge_part(1) + host_part("g") + gauge_part(1)), reason::kSeveralHosts);
  EXPECT_EQ(reject_reason(begun() + gauge_part(1) + host_part("g")), reason::kSeveralHosts);
  EXPECT_EQ(reject_reason(begun() + gauge_part(1) + host_part("h") + gauge_part(1)), "");
}

TEST(CollectdCodec, RefusesAHostThatAdmissionWouldNotSee) {
  const std::string other = part(0x7777, "00");
  const std::string rest = number_part(0x0001, 1) + text_part(0x0002, "p") + text_part(0x0004, "t") + gauge_part(1);
  EXPECT_EQ(reject_reason(other + other + other + host_part("h") + rest), "");
  EXPECT_EQ(reject_reason(other + other + other + other + host_part("h") + rest), reason::kHostPlace);
}

TEST(CollectdCodec, RefusesWhatIsEncrypted) {
  EXPECT_EQ(reject_reason(part(0x0210, "000161" + std::string(96, '0'))), reason::kEncrypted);
}

TEST(CollectdCodec, ACutDatagramIsTheSamplesBeforeTheCutOrNothing) {
  const auto whole = from_hex(begun() + gauge_part(1) + text_part(0x0005, "x") + gauge_part(2));
  const std::size_t after_first = whole.size() - 15 - 6;
  const std::set<std::size_t> between_parts = {after_first, whole.size() - 15};
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(decode(kCodec, cut).records.size(), between_parts.contains(size) ? 1u : 0u) << size;
  }
}

TEST(CollectdCodec, TwoDatagramsInOneAreOneUnlessTheyAreSigned) {
  const std::string plain(testing::kCollectdUnsigned);
  EXPECT_EQ(decode(kCodec, from_hex(plain + plain)).records.size(), 2u);
  const std::string secure(testing::kCollectdSigned);
  EXPECT_EQ(reject_reason(secure + secure), reason::kSignaturePlace);
  EXPECT_EQ(reject_reason(plain + secure), reason::kSignaturePlace);
}

// --- what is new -------------------------------------------------------------------------------------------------------

std::vector<Reading> readings(const std::string& parts) {
  const std::string unsigned_part = part(0x0200, std::string(64, '0') + "68");  // of user h
  const auto datagram = from_hex(unsigned_part + parts);
  return decode(kCodec, datagram).readings;
}

TEST(CollectdCodec, WhatIsNotSignedHasNoReadings) {
  EXPECT_TRUE(decode(kCodec, from_hex(testing::kCollectdUnsigned)).readings.empty());
}

TEST(CollectdCodec, EachSignedSampleIsAReadingOfItsSeries) {
  const auto three = readings(begun() + gauge_part(1) + text_part(0x0005, "other") + gauge_part(1) +
                              number_part(0x0008, (std::uint64_t{1'700'000'010} << 30) + (1U << 29)) + gauge_part(1));
  ASSERT_EQ(three.size(), 3u);
  EXPECT_EQ(three[0].time, std::chrono::seconds(1'700'000'000));
  EXPECT_EQ(three[2].time, std::chrono::milliseconds(1'700'000'010'500));
  EXPECT_NE(three[0].series, three[1].series);
  EXPECT_EQ(three[1].series, three[2].series);
  const auto again = readings(begun() + number_part(0x0001, 1'700'000'020) + gauge_part(1));
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].series, three[0].series) << "in whichever datagram";
}

TEST(CollectdCodec, ANotificationIsASeriesOfItsOwnText) {
  const auto two = readings(begun() + number_part(0x0101, 2) + text_part(0x0100, "a") + text_part(0x0100, "b"));
  ASSERT_EQ(two.size(), 2u);
  EXPECT_NE(two[0].series, two[1].series);
}

TEST(CollectdCodec, ATimeBeyondAllClocksIsTheLastOfAll) {
  const auto last = readings(begun() + number_part(0x0008, ~std::uint64_t{0}) + gauge_part(1));
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].time, std::chrono::nanoseconds::max());
}

// --- signatures ------------------------------------------------------------------------------------------------------

TEST(CollectdCodec, ThePublishedSignatureIsRight) {
  const auto datagram =
      from_hex("02000029 cda59a37b081c231242a6dbdfb44dbd7412af42983dea51196d2e93021aec545 61646d696e 636f6c6c65637464");
  Decoded decoded;
  decoded.nserie = "admin";
  EXPECT_EQ(kCodec.verify(datagram, decoded, *ring("admin: admin")), "");
  EXPECT_EQ(kCodec.verify(datagram, decoded, *ring("admin: nimda")), refusal::kBadTag);
}

TEST(CollectdCodec, AnotherPasswordIsTheWrongOne) {
  const auto datagram = from_hex(testing::kCollectdSigned);
  EXPECT_EQ(verify(datagram, *ring("dev-0001: s3cr3T")), refusal::kBadTag);
  EXPECT_EQ(verify(datagram, *ring("dev-0001: " + std::string(200, 'x'))), refusal::kBadTag);
  EXPECT_EQ(verify(datagram, *ring("dev-0002: s3cr3t")), refusal::kUnknownKey);
  EXPECT_EQ(verify(datagram, *ring("")), refusal::kUnknownKey);
}

TEST(CollectdCodec, AUserSignsForTheHostOfItsNameOnly) {
  std::string hex(testing::kCollectdSigned);
  hex.replace(hex.find("6465762d30303031", 80), 16, "6465762d30303032");
  EXPECT_EQ(reject_reason(hex), reason::kUserNotHost);
}

TEST(CollectdCodec, NoBitOfASignedDatagramCanBeChanged) {
  const auto keys = ring("dev-0001: s3cr3t\ndev-0000: s3cr3t");
  auto datagram = from_hex(testing::kCollectdSigned);
  for (std::size_t bit = 0; bit < 8 * datagram.size(); ++bit) {
    datagram[bit / 8] ^= std::byte{1} << bit % 8;
    const Decoded decoded = decode(kCodec, datagram);
    if (decoded.verdict != Verdict::kRejected) {
      if (decoded.tagged) {
        EXPECT_EQ(kCodec.verify(datagram, decoded, *keys), refusal::kBadTag) << "bit " << bit;
      } else {
        EXPECT_LT(bit, 16u) << "the type of the signature part: without it a datagram proves nothing";
      }
    }
    datagram[bit / 8] ^= std::byte{1} << bit % 8;
  }
}

}  // namespace
}  // namespace ingest
