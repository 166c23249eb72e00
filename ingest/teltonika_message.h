// Teltonika messages, codecs 12 to 15: commands to a device and its answers.
//
//   body: codec id(1)  01  type(1)  size(4)  content(size)  01
//   raw:  00000000  size of the body(4)  body  CRC-16/IBM of the body(4, the upper two bytes 0)
//
// A command leaves in the raw form; a device answers in the raw form, which names no IMEI, or with a body where a
// datagram of data has its codec id. The content of codecs 13 to 15 begins with a time or an IMEI, which nobody here
// looks at. Pure, never throws on bad input; views point into the given bytes.

#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "ingest/teltonika_frame.h"

namespace ingest::teltonika {

enum class MessageType : std::uint8_t { kCommand = 0x05, kResponse = 0x06, kSerialData = 0x0B, kNack = 0x11 };

struct Message {
  CodecId codec = CodecId::k12;
  MessageType type = MessageType::kResponse;
  Bytes content;
};

[[nodiscard]] bool is_message_codec(CodecId codec);

// Both return an empty text when the bytes are exactly one message, else the reason; `message` then means nothing.
[[nodiscard]] std::string_view parse_message(Bytes body, Message& message);
[[nodiscard]] std::string_view parse_raw_message(Bytes datagram, Message& message);

// Replaces `out`.
void build_raw_message(const Message& message, std::vector<std::byte>& out);

// Polynomial 0x8005 reflected, start 0, no final xor.
[[nodiscard]] std::uint16_t crc16_ibm(Bytes bytes);

}  // namespace ingest::teltonika
