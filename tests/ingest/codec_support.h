// What the tests of codecs share: decode, answer and fields in one expression each.

#pragma once

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <string_view>

#include "ingest/codec.h"
#include "ingest/frame_id.h"
#include "tests/ingest/hex.h"

namespace ingest::testing {

inline Decoded decode(const Codec& codec, Bytes datagram) {
  Decoded decoded;
  codec.decode(datagram, decoded);
  identify(decoded.records);
  return decoded;
}

// "" for what is accepted. Asserts on the way that a rejection has one of the codec's own reasons and leaves nothing.
inline std::string reject_reason(const Codec& codec, Bytes datagram) {
  const Decoded decoded = decode(codec, datagram);
  if (decoded.verdict != Verdict::kRejected) {
    EXPECT_TRUE(decoded.reason.empty());
    return "";
  }
  const auto reasons = codec.reject_reasons();
  EXPECT_NE(std::find(reasons.begin(), reasons.end(), decoded.reason), reasons.end()) << decoded.reason;
  EXPECT_TRUE(decoded.records.empty());
  EXPECT_TRUE(decoded.nserie.empty());
  EXPECT_FALSE(decoded.ack_wanted);
  EXPECT_FALSE(decoded.updates_path);
  return std::string(decoded.reason);
}

inline std::string ack_hex(const Codec& codec, Bytes datagram, AckStatus status = AckStatus::kStored) {
  const Decoded decoded = decode(codec, datagram);
  Ack ack;
  codec.make_ack(datagram, decoded, status, nullptr, ack);
  EXPECT_LE(ack.bytes().size(), datagram.size());
  return to_hex(ack.bytes());
}

inline std::string fields_text(const Codec& codec, Bytes datagram, std::size_t index = 0) {
  const Decoded decoded = decode(codec, datagram);
  std::string json;
  codec.append_fields(datagram, decoded.records.at(index), json);
  return json;
}

inline nlohmann::json fields(const Codec& codec, Bytes datagram, std::size_t index = 0) {
  return nlohmann::json::parse(fields_text(codec, datagram, index));
}

}  // namespace ingest::testing
