// Semtech UDP packet forwarder (GWMP), versions 1 and 2: the head of a datagram, and the building of datagrams for the
// collector, the simulator and the tests.
//
//   from a gateway:  version(1)  token(2)  type(1)  EUI(8)  body      PUSH_DATA, PULL_DATA, TX_ACK
//   to a gateway:    version(1)  token(2)  type(1)  body              PUSH_ACK, PULL_ACK, PULL_RESP
//
// The token is the sender's, and an answer repeats it. Bodies are JSON, see semtech_json.h. Pure, never throws on bad
// input; views point into the given bytes.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/bytes.h"

namespace ingest::semtech {

inline constexpr std::size_t kTokenOffset = 1;
inline constexpr std::size_t kTypeOffset = 3;
inline constexpr std::size_t kEuiOffset = 4;
inline constexpr std::size_t kEuiSize = 8;
inline constexpr std::size_t kAnswerSize = 4;  // also the head of what goes to a gateway
inline constexpr std::size_t kHeadSize = 12;   // of what comes from one

// Forwarders that gather 255 packets into a datagram fill one of UDP over IPv4.
inline constexpr std::size_t kMaxDatagramSize = 65507;
// What the reference forwarder reads of a PULL_RESP.
inline constexpr std::size_t kMaxDownlinkSize = 999;

inline constexpr std::uint8_t kVersion1 = 1;
inline constexpr std::uint8_t kVersion2 = 2;

enum class Type : std::uint8_t {
  kPushData = 0,
  kPushAck = 1,
  kPullData = 2,
  kPullResp = 3,
  kPullAck = 4,
  kTxAck = 5,
};

// Why the codec refuses. Prometheus label values.
namespace reason {
inline constexpr std::string_view kTooShort = "too_short";
inline constexpr std::string_view kBadVersion = "bad_version";
inline constexpr std::string_view kUnknownType = "unknown_type";
inline constexpr std::string_view kReflected = "reflected";           // what only a collector sends
inline constexpr std::string_view kTxAckVersion = "tx_ack_version";   // version 1 has none
inline constexpr std::string_view kTrailingBytes = "trailing_bytes";  // behind a PULL_DATA
inline constexpr std::string_view kJsonSyntax = "json_syntax";        // text that is no JSON, or no UTF-8
inline constexpr std::string_view kJsonDepth = "json_depth";
inline constexpr std::string_view kJsonDuplicate = "json_duplicate";  // a key that stands twice in one object
inline constexpr std::string_view kJsonShape = "json_shape";          // JSON, but not of this protocol
inline constexpr std::string_view kTooManyRecords = "too_many_records";

inline constexpr std::array kAll = {
    kTooShort,   kBadVersion, kUnknownType,   kReflected, kTxAckVersion,   kTrailingBytes,
    kJsonSyntax, kJsonDepth,  kJsonDuplicate, kJsonShape, kTooManyRecords,
};
}  // namespace reason

// What a gateway sends.
struct Frame {
  std::uint8_t version = kVersion2;
  std::uint16_t token = 0;
  Type type = Type::kPushData;
  Bytes eui;
  Bytes body;
};

// Empty when the head is that of a gateway's datagram, else the reason; `frame` then means nothing.
[[nodiscard]] std::string_view parse_frame(Bytes datagram, Frame& frame);

// Replaces `out`. `frame.eui` has kEuiSize bytes.
void build_frame(const Frame& frame, std::vector<std::byte>& out);

// What a collector sends: PUSH_ACK and PULL_ACK without a body, PULL_RESP with one. Replaces `out`.
struct Answer {
  std::uint8_t version = kVersion2;
  std::uint16_t token = 0;
  Type type = Type::kPushAck;
  Bytes body;
};
void build_answer(const Answer& answer, std::vector<std::byte>& out);

// Empty when the datagram is one of a collector, as a gateway sees it; else the reason.
[[nodiscard]] std::string_view parse_answer(Bytes datagram, Answer& answer);

// An EUI, of kEuiSize bytes, as people write it, and as it is stored: 16 lower-case hex digits.
[[nodiscard]] std::array<char, 2 * kEuiSize> eui_digits(Bytes eui);
void append_eui(Bytes eui, std::string& out);
[[nodiscard]] bool is_eui(std::string_view text);

}  // namespace ingest::semtech
