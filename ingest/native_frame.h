// The native frame on the wire ("NF"): building and taking apart. NATIVE_FRAME.md is its description.
//
// Used by the codec and by the simulator, so it knows both directions and judges only the form: which frames a
// collector takes from a device is the codec's matter. Pure, never throws on bad input; views point into the given
// bytes.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ingest/bytes.h"
#include "ingest/key_ring.h"

namespace ingest::native {

inline constexpr std::string_view kMagic = "NF";
inline constexpr std::uint8_t kVersion = 1;

inline constexpr std::size_t kHeadSize = 6;  // magic, version, flags, key id, serial length
inline constexpr std::size_t kMaxSerialSize = 32;
inline constexpr std::size_t kStampSize = 8;  // epoch, sequence
inline constexpr std::size_t kBodySize = 18;  // epoch, sequence, device time, payload length
inline constexpr std::size_t kTagSize = 16;

// The most that fits into one Ethernet frame over IPv4 without fragments: 1500 - 20 - 8.
inline constexpr std::size_t kMaxDatagramSize = 1472;

enum Flag : std::uint8_t {
  kAckWanted = 0x01,
  kDownlink = 0x02,  // from collector to device
  kEncrypted = 0x04,
  kAnswerAck = 0x08,   // answers the frame of the same epoch and sequence
  kAnswerNack = 0x10,  // the same, but: not now, send again later
  kTagged = 0x20,      // kTagSize bytes of tag follow the payload
};
inline constexpr std::uint8_t kKnownFlags = 0x3F;

// The payload of an answer, one byte.
enum class Status : std::uint8_t { kStored = 0, kDuplicate = 1, kRefused = 2 };

struct Frame {
  std::uint8_t flags = 0;
  std::uint8_t key_id = 0;  // without meaning while there is no tag
  std::string_view serial;
  std::uint32_t epoch = 0;
  std::uint32_t sequence = 0;
  std::uint64_t time_ms = 0;  // since 1970-01-01 UTC; 0 = no clock
  Bytes payload;

  // Filled by parse_frame(), not looked at by build_frame().
  Bytes content;      // from epoch to the end of the payload
  Bytes signed_part;  // all that stands in front of the tag
  Bytes tag;          // empty without kTagged
};

// Why parse_frame(), check_items() or the codec refuse. Prometheus label values.
namespace reason {
inline constexpr std::string_view kTooShort = "too_short";
inline constexpr std::string_view kBadMagic = "bad_magic";
inline constexpr std::string_view kUnknownVersion = "unknown_version";
inline constexpr std::string_view kUnknownFlags = "unknown_flags";
inline constexpr std::string_view kSerialLength = "serial_length";
inline constexpr std::string_view kSerialCharacters = "serial_characters";
inline constexpr std::string_view kLengthMismatch = "length_mismatch";
inline constexpr std::string_view kEmptyPayload = "empty_payload";
inline constexpr std::string_view kReflected = "reflected";
inline constexpr std::string_view kEncrypted = "encrypted";
inline constexpr std::string_view kFlagCombination = "flag_combination";
inline constexpr std::string_view kBadAnswer = "bad_answer";
inline constexpr std::string_view kSequenceZero = "sequence_zero";
inline constexpr std::string_view kItemTruncated = "item_truncated";
inline constexpr std::string_view kItemType = "item_type";
inline constexpr std::string_view kItemOrder = "item_order";
inline constexpr std::string_view kItemValue = "item_value";
inline constexpr std::string_view kTextUtf8 = "text_utf8";

inline constexpr std::array kAll = {
    kTooShort,       kBadMagic,      kUnknownVersion, kUnknownFlags, kSerialLength,    kSerialCharacters,
    kLengthMismatch, kEmptyPayload,  kReflected,      kEncrypted,    kFlagCombination, kBadAnswer,
    kSequenceZero,   kItemTruncated, kItemType,       kItemOrder,    kItemValue,       kTextUtf8,
};
}  // namespace reason

// Whether `serial` may stand in a frame: 1 to 32 of A-Z a-z 0-9 . _ -
[[nodiscard]] bool is_serial(std::string_view serial);

// The serial that a datagram claims, unchecked; empty when there is none where it should be.
[[nodiscard]] std::string_view peek_serial(Bytes datagram);

// Takes a datagram apart. Returns an empty text when its form is right, else the reason; `frame` then means nothing.
// An empty payload is in order here, and the items within are not looked at.
[[nodiscard]] std::string_view parse_frame(Bytes datagram, Frame& frame);

// Replaces `out` by the frame's bytes. Its serial must be one (is_serial), its payload at most 65535 bytes. With
// kTagged set the tag is still missing: see append_tag().
void build_frame(const Frame& frame, std::vector<std::byte>& out);

using Tag = std::array<std::byte, kTagSize>;

// BLAKE2b-128 of a frame up to its tag, keyed with the device's key. The direction is one of the flags, so that neither
// side can be made to hear itself.
[[nodiscard]] Tag tag_of(Bytes signed_part, const DeviceKey& key);
// In a time that depends on sizes only.
[[nodiscard]] bool tag_is_right(Bytes signed_part, Bytes tag, const DeviceKey& key);
void append_tag(std::vector<std::byte>& frame, const DeviceKey& key);

}  // namespace ingest::native
