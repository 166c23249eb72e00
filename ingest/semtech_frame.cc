#include "ingest/semtech_frame.h"

#include <algorithm>
#include <cassert>

#include "ingest/byte_reader.h"
#include "ingest/byte_writer.h"

namespace ingest::semtech {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

bool is_from_gateway(Type type) {
  return type == Type::kPushData || type == Type::kPullData || type == Type::kTxAck;
}

bool is_from_collector(Type type) {
  return type == Type::kPushAck || type == Type::kPullResp || type == Type::kPullAck;
}

struct Head {
  std::uint8_t version = 0;
  std::uint16_t token = 0;
  Type type = Type::kPushData;
};

std::string_view read_head(ByteReader& reader, Head& head) {
  head.version = reader.read<std::uint8_t>();
  head.token = reader.read<std::uint16_t>();
  head.type = static_cast<Type>(reader.read<std::uint8_t>());
  if (!reader.ok()) return reason::kTooShort;
  if (head.version != kVersion1 && head.version != kVersion2) return reason::kBadVersion;
  return {};
}

void write_head(const Head& head, ByteWriter& writer) {
  writer.write(head.version);
  writer.write(head.token);
  writer.write(static_cast<std::uint8_t>(head.type));
}

}  // namespace

std::string_view parse_frame(Bytes datagram, Frame& frame) {
  ByteReader reader(datagram);
  Head head;
  if (const auto fault = read_head(reader, head); !fault.empty()) return fault;
  if (is_from_collector(head.type)) return reason::kReflected;
  if (!is_from_gateway(head.type)) return reason::kUnknownType;
  const Bytes eui = reader.take(kEuiSize);
  if (!reader.ok()) return reason::kTooShort;
  if (head.type == Type::kTxAck && head.version == kVersion1) return reason::kTxAckVersion;
  if (head.type == Type::kPullData && reader.remaining() != 0) return reason::kTrailingBytes;
  frame = {.version = head.version,
           .token = head.token,
           .type = head.type,
           .eui = eui,
           .body = reader.take(reader.remaining())};
  return {};
}

void build_frame(const Frame& frame, std::vector<std::byte>& out) {
  assert(frame.eui.size() == kEuiSize);
  out.clear();
  ByteWriter writer(out);
  write_head({.version = frame.version, .token = frame.token, .type = frame.type}, writer);
  writer.write_bytes(frame.eui);
  writer.write_bytes(frame.body);
}

void build_answer(const Answer& answer, std::vector<std::byte>& out) {
  out.clear();
  ByteWriter writer(out);
  write_head({.version = answer.version, .token = answer.token, .type = answer.type}, writer);
  writer.write_bytes(answer.body);
}

std::string_view parse_answer(Bytes datagram, Answer& answer) {
  ByteReader reader(datagram);
  Head head;
  if (const auto fault = read_head(reader, head); !fault.empty()) return fault;
  if (is_from_gateway(head.type)) return reason::kReflected;
  if (!is_from_collector(head.type)) return reason::kUnknownType;
  if (head.type != Type::kPullResp && reader.remaining() != 0) return reason::kTrailingBytes;
  answer = {.version = head.version, .token = head.token, .type = head.type, .body = reader.take(reader.remaining())};
  return {};
}

std::array<char, 2 * kEuiSize> eui_digits(Bytes eui) {
  std::array<char, 2 * kEuiSize> digits;
  for (std::size_t i = 0; i < kEuiSize; ++i) {
    digits[2 * i] = kHexDigits[std::to_integer<unsigned>(eui[i]) >> 4];
    digits[2 * i + 1] = kHexDigits[std::to_integer<unsigned>(eui[i]) & 0x0F];
  }
  return digits;
}

void append_eui(Bytes eui, std::string& out) {
  const auto digits = eui_digits(eui);
  out.append(digits.data(), digits.size());
}

bool is_eui(std::string_view text) {
  return text.size() == 2 * kEuiSize &&
         std::ranges::all_of(text, [](char c) { return kHexDigits.find(c) != std::string_view::npos; });
}

}  // namespace ingest::semtech
