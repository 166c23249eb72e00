// What holds for every codec and every datagram, tried on damaged samples and on noise. The seed is printed; set
// HILERA_TEST_SEED to run with another one.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>

#include "ingest/keyed_hash.h"
#include "ingest/utf8.h"
#include "tests/ingest/codec_support.h"
#include "tests/ingest/collectd_vectors.h"
#include "tests/ingest/teltonika_vectors.h"

namespace ingest {
namespace {

using testing::from_hex;
using testing::to_hex;

struct Sample {
  std::string_view codec;
  std::string_view hex;
};

constexpr Sample kData[] = {
    {"native",
     "4e4601010007534e2d30303031000000070000002a0000018bcfe5687b001700013441ac0000000222fff9000301010009400002 6f6b"},
    {"native", "4e460100000141000000010000000100000000000000000004 0000 11 05"},
    {"collectd", testing::kCollectdUnsigned},
    {"collectd", testing::kCollectdSigned},
    {"collectd", testing::kCollectdNotification},
    {"teltonika", testing::kCodec8Example},
    {"teltonika", testing::kCodec8ExtendedExample},
    {"teltonika", testing::kCodec16Example},
    // {"rxpk":[{"tmst":7,"stat":1,"data":"AQ=="}],"stat":{"rxnb":2}}
    {"semtech",
     "02a1b200b827ebfffe87bd11 7b227278706b223a5b7b22746d7374223a372c2273746174223a312c2264617461223a2241513d3d227d5d2c"
     "2273746174223a7b2272786e62223a327d7d"},
    // {"stat":{"time":"2014-01-12 08:59:28 GMT"}}
    {"semtech",
     "01a1b300b827ebfffe87bd11 7b2273746174223a7b2274696d65223a22323031342d30312d31322030383a35393a323820474d54227d7d"},
};
constexpr Sample kControl[] = {
    {"native", "4e46010800 0141 00000001 00000001 0000000000000000 0001 00"},
    {"teltonika", testing::kCodec12Response},
    {"teltonika", testing::kCodec15Message},
    {"teltonika", "001e CAFE 01 07 000F 333532303933303836343033363535 0C0106 00000001 6f 01"},
    {"semtech", "02000702b827ebfffe87bd11"},
    {"semtech", "025a0105b827ebfffe87bd11"},
};

bool lies_within(Bytes part, Bytes whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

// Decodes with a `decoded` that is used again and again, and checks the promises of codec.h.
Verdict check_promises(const Codec& codec, Bytes datagram, Decoded& decoded) {
  codec.decode(datagram, decoded);
  Ack ack;
  codec.make_ack(datagram, decoded, AckStatus::kStored, nullptr, ack);
  EXPECT_LE(ack.bytes().size(), datagram.size());
  EXPECT_EQ(decoded.verdict == Verdict::kRecords, !decoded.records.empty());
  EXPECT_EQ(decoded.verdict == Verdict::kRejected, !decoded.reason.empty());
  EXPECT_EQ(ack.empty(), !decoded.ack_wanted);
  if (decoded.verdict == Verdict::kRejected) return decoded.verdict;
  // Where the serial is no text on the wire, what is seen of it beforehand has another form.
  if (decoded.nserie_storage.empty()) {
    EXPECT_EQ(codec.peek_serial(datagram), decoded.nserie);
  } else {
    EXPECT_EQ(codec.peek_serial(datagram).empty(), decoded.nserie.empty());
  }
  EXPECT_EQ(codec.hash_of(codec.peek_serial(datagram)), keyed_hash(as_bytes(decoded.nserie)));
  std::string json;
  for (const Record& record : decoded.records) {
    EXPECT_TRUE(lies_within(record.bytes, datagram));
    json.clear();
    codec.append_fields(datagram, record, json);
    EXPECT_TRUE(is_utf8(json));
    EXPECT_TRUE(nlohmann::json::accept(json)) << json;
  }
  const auto by_time = [](const Record& a, const Record& b) { return a.device_time < b.device_time; };
  EXPECT_TRUE(std::is_sorted(decoded.records.begin(), decoded.records.end(), by_time));
  return decoded.verdict;
}

std::uint64_t seed() {
  const char* given = std::getenv("HILERA_TEST_SEED");
  return given == nullptr ? 20261122 : std::strtoull(given, nullptr, 10);
}

// On the heap and exactly as large as the datagram, so that a read past its end is seen by AddressSanitizer.
std::vector<std::byte> noise(std::mt19937_64& random, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes)
    byte = static_cast<std::byte>(random());
  return bytes;
}

TEST(CodecProperties, SamplesAreAccepted) {
  Decoded decoded;
  for (const auto& [codec, hex] : kData) {
    EXPECT_EQ(check_promises(*find_codec(codec), from_hex(hex), decoded), Verdict::kRecords) << hex;
  }
  for (const auto& [codec, hex] : kControl) {
    EXPECT_EQ(check_promises(*find_codec(codec), from_hex(hex), decoded), Verdict::kControl) << hex;
  }
}

TEST(CodecProperties, EverySampleCutShortIsRefused) {
  Decoded decoded;
  const auto cut = [&](const Sample& sample) {
    const auto whole = from_hex(sample.hex);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const std::vector<std::byte> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(check_promises(*find_codec(sample.codec), part, decoded), Verdict::kRejected) << size << sample.hex;
    }
  };
  for (const Sample& sample : kData)
    cut(sample);
  for (const Sample& sample : kControl)
    cut(sample);
}

TEST(CodecProperties, EverySampleWithAByteMoreIsRefused) {
  Decoded decoded;
  for (const Sample& sample : kData) {
    auto longer = from_hex(sample.hex);
    longer.push_back(std::byte{0});
    EXPECT_EQ(check_promises(*find_codec(sample.codec), longer, decoded), Verdict::kRejected) << sample.hex;
  }
}

TEST(CodecProperties, EverySampleTwiceInOneDatagramIsRefused) {
  Decoded decoded;
  for (const Sample& sample : kData) {
    if (sample.codec == "collectd") continue;  // its datagrams are parts in a row: two of them are one
    auto twice = from_hex(sample.hex);
    const auto once = twice;
    twice.insert(twice.end(), once.begin(), once.end());
    EXPECT_EQ(check_promises(*find_codec(sample.codec), twice, decoded), Verdict::kRejected) << sample.hex;
  }
}

TEST(CodecProperties, PromisesHoldWithAnyBitChanged) {
  Decoded decoded;
  const auto flip = [&](const Sample& sample) {
    auto bytes = from_hex(sample.hex);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      bytes[bit / 8] ^= std::byte{1} << (bit % 8);
      check_promises(*find_codec(sample.codec), bytes, decoded);
      bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    }
  };
  for (const Sample& sample : kData)
    flip(sample);
  for (const Sample& sample : kControl)
    flip(sample);
}

TEST(CodecProperties, AChangedRecordIsNeverTakenForTheSame) {
  Decoded decoded;
  for (const Sample& sample : kData) {
    const Codec& codec = *find_codec(sample.codec);
    auto bytes = from_hex(sample.hex);
    codec.decode(bytes, decoded);
    identify(decoded.records);
    const Record original = decoded.records.at(0);
    const auto start = static_cast<std::size_t>(original.bytes.data() - bytes.data());
    for (std::size_t bit = start * 8; bit < (start + original.bytes.size()) * 8; ++bit) {
      bytes[bit / 8] ^= std::byte{1} << (bit % 8);
      codec.decode(bytes, decoded);
      identify(decoded.records);
      for (const Record& record : decoded.records)
        EXPECT_NE(record.digest, original.digest) << bit;
      bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    }
  }
}

TEST(CodecProperties, PromisesHoldForNoise) {
  std::mt19937_64 random(seed());
  std::cout << "seed " << seed() << '\n';
  Decoded decoded;
  for (int i = 0; i < 100'000; ++i) {
    const auto bytes = noise(random, random() % 128);
    for (const auto name : codec_names())
      check_promises(*find_codec(name), bytes, decoded);
  }
}

// Noise hardly gets past a magic number. Samples with some bytes overwritten, and lengths mended, get deeper.
TEST(CodecProperties, PromisesHoldForDamagedSamples) {
  std::mt19937_64 random(seed());
  std::cout << "seed " << seed() << '\n';
  std::vector<std::vector<std::byte>> samples;
  for (const Sample& sample : kData)
    samples.push_back(from_hex(sample.hex));
  for (const Sample& sample : kControl)
    samples.push_back(from_hex(sample.hex));
  Decoded decoded;
  std::set<std::string_view> reasons;
  std::size_t accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    auto bytes = samples[random() % samples.size()];
    for (auto changes = random() % 4; changes > 0; --changes) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random() % 3 == 0 ? 0 : random());
    }
    if (random() % 4 == 0) bytes.resize(random() % (bytes.size() * 2));
    if (random() % 2 == 0 && bytes.size() > 2) bytes[1] = static_cast<std::byte>(bytes.size() - 2);
    for (const auto name : codec_names()) {
      if (check_promises(*find_codec(name), bytes, decoded) == Verdict::kRejected) {
        reasons.insert(decoded.reason);
      } else {
        ++accepted;
      }
    }
  }
  EXPECT_GT(accepted, 1000u) << "the damage leaves something over";
  EXPECT_GT(reasons.size(), 15u) << "the damage is of many kinds";
}

}  // namespace
}  // namespace ingest
