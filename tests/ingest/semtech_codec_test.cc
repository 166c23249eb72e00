#include "ingest/semtech_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "ingest/keyed_hash.h"
#include "tests/ingest/codec_support.h"
#include "tests/ingest/semtech_vectors.h"

namespace ingest {
namespace {

namespace reason = semtech::reason;
using semtech::Type;
using testing::ack_hex;
using testing::decode;
using testing::fields;
using testing::fields_text;
using testing::from_hex;
using testing::gateway_datagram;
using testing::kEui;
using testing::kFskPacket;
using testing::kThreePackets;
using testing::kTxpk;
using testing::push;
using testing::reject_reason;
using testing::rxpk;
using testing::to_hex;
using testing::tx_ack;

const SemtechCodec kCodec;

TEST(SemtechCodec, DecodesThePublishedPacket) {
  const auto datagram = push(rxpk(kFskPacket));
  const Decoded decoded = decode(kCodec, datagram);
  ASSERT_EQ(decoded.verdict, Verdict::kRecords);
  EXPECT_EQ(decoded.nserie, kEui);
  EXPECT_TRUE(decoded.ack_wanted);
  EXPECT_FALSE(decoded.updates_path) << "nobody reads at the port that a PUSH_DATA comes from";
  EXPECT_EQ(decoded.auth_level, AuthLevel::kNone);
  EXPECT_FALSE(decoded.answer);
  ASSERT_EQ(decoded.records.size(), 1u);
  EXPECT_EQ(decoded.records[0].device_time, std::nullopt);
  EXPECT_EQ(fields_text(kCodec, datagram), R"({"type":"rxpk","values":)" + std::string(kFskPacket) + "}");
  EXPECT_EQ(ack_hex(kCodec, datagram), "02a1b201");
}

TEST(SemtechCodec, DecodesThePublishedStatistic) {
  const auto datagram = push(testing::kStatistic, 0xA1B3);
  const Decoded decoded = decode(kCodec, datagram);
  ASSERT_EQ(decoded.records.size(), 1u);
  EXPECT_EQ(decoded.records[0].device_time, 1389517168000);
  const auto values = fields(kCodec, datagram);
  EXPECT_EQ(values["type"], "stat");
  EXPECT_EQ(values["values"]["ackr"], 100.0);
  EXPECT_EQ(ack_hex(kCodec, datagram), "02a1b301");
}

TEST(SemtechCodec, DecodesThePublishedThreePackets) {
  const auto datagram = push(kThreePackets);
  const Decoded decoded = decode(kCodec, datagram);
  ASSERT_EQ(decoded.records.size(), 3u);
  EXPECT_EQ(decoded.records[2].device_time, 1364746877532);
  EXPECT_EQ(fields(kCodec, datagram, 1)["values"]["data"], "VEVTVF9QQUNLRVRfMTIzNA==");
  EXPECT_EQ(ack_hex(kCodec, datagram), "02a1b201");
}

TEST(SemtechCodec, AnswersInTheVersionThatItWasAskedIn) {
  EXPECT_EQ(ack_hex(kCodec, gateway_datagram(Type::kPushData, 7, rxpk(kFskPacket), semtech::kVersion1)), "01000701");
  EXPECT_EQ(ack_hex(kCodec, gateway_datagram(Type::kPullData, 7, {}, semtech::kVersion1)), "01000704");
}

TEST(SemtechCodec, AnswersAlikeWhateverBecameOfTheRecords) {
  const auto datagram = push(rxpk(kFskPacket));
  EXPECT_EQ(ack_hex(kCodec, datagram, AckStatus::kDuplicate), "02a1b201");
  EXPECT_EQ(ack_hex(kCodec, datagram, AckStatus::kRefused), "02a1b201");
}

TEST(SemtechCodec, KeepsPacketsWhateverTheirChecksum) {
  const auto datagram = push(rxpk(R"({"tmst":1,"stat":1},{"tmst":2,"stat":-1},{"tmst":3,"stat":0},{"tmst":4})"));
  EXPECT_EQ(decode(kCodec, datagram).records.size(), 4u);
}

TEST(SemtechCodec, PutsRecordsInTheOrderOfTheirTime) {
  const auto datagram =
      push(R"({"rxpk":[{"n":1,"time":"2020-01-01T00:00:02Z"},{"n":2},{"n":3,"time":"2020-01-01T00:00:01Z"},{"n":4}],)"
           R"("stat":{"n":5,"time":"2020-01-01 00:00:01 GMT"}})");
  std::vector<int> order;
  for (std::size_t i = 0; i < 5; ++i)
    order.push_back(fields(kCodec, datagram, i)["values"]["n"]);
  EXPECT_EQ(order, (std::vector{2, 4, 3, 5, 1}));
}

TEST(SemtechCodec, AnswersAPushWithoutRecordsAtOnce) {
  for (const std::string_view body : {"{}", R"({"rxpk":[]})", R"({"vendor":{"x":1}})"}) {
    const auto datagram = push(body);
    EXPECT_EQ(decode(kCodec, datagram).verdict, Verdict::kControl) << body;
    EXPECT_EQ(ack_hex(kCodec, datagram), "02a1b201");
  }
}

TEST(SemtechCodec, AnswersAPullAtOnceAndLearnsTheWay) {
  const auto datagram = from_hex("02000702b827ebfffe87bd11");
  const Decoded decoded = decode(kCodec, datagram);
  EXPECT_EQ(decoded.verdict, Verdict::kControl);
  EXPECT_EQ(decoded.nserie, kEui);
  EXPECT_TRUE(decoded.ack_wanted);
  EXPECT_TRUE(decoded.updates_path);
  EXPECT_EQ(ack_hex(kCodec, datagram), "02000704");
}

TEST(SemtechIdentity, OfADatagramThatTheNetworkRepeatsIsTheSame) {
  const auto datagram = push(R"({"rxpk":[{"tmst":1},{"tmst":2}],"stat":{}})");
  const auto again = datagram;
  const Decoded first = decode(kCodec, datagram);
  const Decoded second = decode(kCodec, again);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(first.records[i].frame_id, second.records[i].frame_id);
    EXPECT_EQ(first.records[i].digest, second.records[i].digest);
    EXPECT_EQ(first.records[i].frame_id >> 63, 1u);
  }
}

TEST(SemtechIdentity, OfEqualRecordsWithoutATimeDependsOnTheToken) {
  for (const std::string& body : {rxpk(kFskPacket), std::string(R"({"stat":{"rxnb":0}})")}) {
    const Decoded first = decode(kCodec, push(body, 1));
    const Decoded later = decode(kCodec, push(body, 2));
    EXPECT_NE(first.records[0].frame_id, later.records[0].frame_id) << body;
    EXPECT_NE(first.records[0].digest, later.records[0].digest) << body;
  }
}

TEST(SemtechIdentity, OfARecordWithATimeIsItsOwn) {
  const Decoded together = decode(kCodec, push(kThreePackets, 1));
  const Decoded again = decode(kCodec, push(kThreePackets, 2));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(together.records[i].frame_id, again.records[i].frame_id);
    EXPECT_EQ(together.records[i].digest, again.records[i].digest);
  }
  EXPECT_EQ(together.records[0].frame_id >> 20, 1364746877528u);
}

TEST(SemtechCodec, RefusesEachFaultWithItsReason) {
  std::string many = "{}";
  for (int i = 0; i < 256; ++i)
    many += ",{}";
  const std::vector<std::pair<std::string_view, std::vector<std::byte>>> cases = {
      {reason::kTooShort, {}},
      {reason::kTooShort, from_hex("02000702b827ebfffe87bd")},
      {reason::kBadVersion, from_hex("03000702b827ebfffe87bd11")},
      {reason::kUnknownType, from_hex("02000709b827ebfffe87bd11")},
      {reason::kReflected, from_hex("02a1b201")},
      {reason::kTxAckVersion, gateway_datagram(Type::kTxAck, 1, "", semtech::kVersion1)},
      {reason::kTrailingBytes, gateway_datagram(Type::kPullData, 1, "{}")},
      {reason::kJsonSyntax, push("")},
      {reason::kJsonSyntax, push("{\"rxpk\":[{}]}{}")},
      {reason::kJsonSyntax, push(std::string("{}\0", 3))},
      {reason::kJsonSyntax, push("{\"rxpk\":[{\"a\":\"\xFF\"}]}")},
      {reason::kJsonDepth, push("{\"x\":" + std::string(60'000, '['))},
      {reason::kJsonDuplicate, push(R"({"rxpk":[{"tmst":1,"tmst":1}]})")},
      {reason::kJsonShape, push(R"({"rxpk":{}})")},
      {reason::kTooManyRecords, push(rxpk(many))},
      {reason::kJsonShape, tx_ack("[]")},
      {reason::kJsonSyntax, tx_ack("no")},
  };
  std::set<std::string_view> hit;
  for (const auto& [expected, datagram] : cases) {
    EXPECT_EQ(reject_reason(kCodec, datagram), expected)
        << to_hex(Bytes(datagram).first(std::min<std::size_t>(datagram.size(), 40)));
    EXPECT_EQ(ack_hex(kCodec, datagram), "") << "what is refused is not answered";
    hit.insert(expected);
  }
  const auto reasons = kCodec.reject_reasons();
  EXPECT_EQ(hit, std::set<std::string_view>(reasons.begin(), reasons.end())) << "each reason can be reached";
}

TEST(SemtechPeek, IsTheEuiOnTheWire) {
  EXPECT_EQ(to_hex(as_bytes(kCodec.peek_serial(from_hex("02000702b827ebfffe87bd11")))), kEui);
  EXPECT_EQ(to_hex(as_bytes(kCodec.peek_serial(push("garbage")))), kEui) << "without judging the rest";
  EXPECT_EQ(kCodec.peek_serial(from_hex("02000702b827ebfffe87bd")), "");
  EXPECT_EQ(kCodec.peek_serial({}), "");
}

TEST(SemtechPeek, IsHashedAsTheSerialThatItIsStoredUnder) {
  EXPECT_EQ(kCodec.hash_of(kCodec.peek_serial(from_hex("02000702b827ebfffe87bd11"))), keyed_hash(as_bytes(kEui)));
  EXPECT_EQ(kCodec.hash_of(""), keyed_hash({}));
}

TEST(SemtechDownlink, IsAPullRespWithTheLowBitsOfItsNumberAsToken) {
  const auto datagram = kCodec.encode_downlink(kEui, 0xABCDEF5A01, as_bytes(kTxpk), nullptr);
  ASSERT_TRUE(datagram);
  EXPECT_EQ(to_hex(Bytes(*datagram).first(4)), "025a0103");
  EXPECT_EQ(as_text(Bytes(*datagram).subspan(4)), R"({"txpk":)" + std::string(kTxpk) + "}");
  EXPECT_EQ(*datagram, *kCodec.encode_downlink(kEui, 0xABCDEF5A01, as_bytes(kTxpk), nullptr)) << "as often as asked";
}

TEST(SemtechDownlink, IsNoneForWhatAGatewayCannotSend) {
  EXPECT_FALSE(kCodec.encode_downlink("SN-0001", 1, as_bytes(kTxpk), nullptr));
  EXPECT_FALSE(kCodec.encode_downlink("B827EBFFFE87BD11", 1, as_bytes(kTxpk), nullptr));
  EXPECT_FALSE(kCodec.encode_downlink(kEui, 1, {}, nullptr));
  EXPECT_FALSE(kCodec.encode_downlink(kEui, 1, as_bytes("reboot"), nullptr));
  EXPECT_FALSE(kCodec.encode_downlink(kEui, 1, as_bytes(std::string(kTxpk) + ",\"x\":1"), nullptr));
}

TEST(SemtechDownlink, FitsWhatAGatewayReads) {
  const std::size_t room = semtech::kMaxDownlinkSize - 4 - 9;
  const std::string filled = std::string(kTxpk) + std::string(room - kTxpk.size(), ' ');
  const auto datagram = kCodec.encode_downlink(kEui, 1, as_bytes(filled), nullptr);
  ASSERT_TRUE(datagram);
  EXPECT_EQ(datagram->size(), semtech::kMaxDownlinkSize);
  EXPECT_FALSE(kCodec.encode_downlink(kEui, 1, as_bytes(filled + " "), nullptr));
}

TEST(SemtechDownlink, IsRefusedWhenItComesBack) {
  EXPECT_EQ(reject_reason(kCodec, *kCodec.encode_downlink(kEui, 1, as_bytes(kTxpk), nullptr)), reason::kReflected);
}

TEST(SemtechDownlink, IsAnsweredByItsToken) {
  const auto failed = tx_ack(R"({"txpk_ack":{"error":"COLLISION_PACKET"}})");
  const Decoded decoded = decode(kCodec, failed);
  EXPECT_EQ(decoded.verdict, Verdict::kControl);
  EXPECT_EQ(decoded.nserie, kEui);
  EXPECT_TRUE(decoded.updates_path);
  EXPECT_FALSE(decoded.ack_wanted);
  ASSERT_TRUE(decoded.answer);
  EXPECT_EQ(decoded.answer->id, 0x5A01u);
  EXPECT_EQ(decoded.answer->id_bits, 0xFFFFu);
  EXPECT_EQ(decoded.answer->outcome, DownlinkAnswer::Outcome::kFailed);
  EXPECT_EQ(decoded.answer->text, "COLLISION_PACKET");
  EXPECT_EQ(ack_hex(kCodec, failed), "");

  const auto sent = tx_ack("");
  EXPECT_EQ(decode(kCodec, sent).answer->outcome, DownlinkAnswer::Outcome::kDelivered);
}

TEST(SemtechCodec, SpeaksTheVersionOfTheGateway) {
  Decoded decoded;
  kCodec.decode(from_hex("01 0007 02 b827ebfffe87bd11"), decoded);
  EXPECT_EQ(decoded.version, 1);
  EXPECT_FALSE(kCodec.downlink_manners(1).answered) << "version 1 has no TX_ACK";
  EXPECT_TRUE(kCodec.downlink_manners(2).answered);
  EXPECT_FALSE(kCodec.downlink_manners(2).repeatable) << "it would be sent by radio twice";
  const auto datagram = kCodec.encode_downlink(kEui, 0xABCDEF5A01, as_bytes(kTxpk), {nullptr, 1});
  ASSERT_TRUE(datagram);
  EXPECT_EQ(Bytes(*datagram).first(4)[0], std::byte{1});
  EXPECT_EQ((std::vector(datagram->begin() + 1, datagram->begin() + 4)), from_hex("0000 03")) << "no token";
}

TEST(SemtechCodec, SaysWhyItCannotCarryADownlink) {
  EXPECT_EQ(kCodec.downlink_obstacle(kEui, as_bytes(kTxpk)), "");
  EXPECT_THAT(kCodec.downlink_obstacle("SN-1", as_bytes(kTxpk)), ::testing::HasSubstr("16 lower-case"));
  EXPECT_THAT(kCodec.downlink_obstacle(kEui, as_bytes("reboot")), ::testing::HasSubstr("JSON object of a txpk"));
  EXPECT_THAT(kCodec.downlink_obstacle(kEui, as_bytes(std::string(2000, ' '))), ::testing::HasSubstr("2000 bytes"));
}

}  // namespace
}  // namespace ingest
