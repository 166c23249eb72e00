#include "ingest/teltonika_message.h"

#include <array>

#include "ingest/byte_reader.h"
#include "ingest/byte_writer.h"

namespace ingest::teltonika {
namespace {

constexpr std::size_t kRawHeadSize = 8;
constexpr std::size_t kRawCrcSize = 4;
constexpr std::size_t kBodyOverhead = 8;
constexpr std::uint8_t kQuantity = 1;
constexpr std::uint16_t kPolynomial = 0xA001;

constexpr std::array<std::uint16_t, 256> make_crc_table() {
  std::array<std::uint16_t, 256> table{};
  for (unsigned index = 0; index < table.size(); ++index) {
    unsigned crc = index;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc & 1) != 0 ? crc >> 1 ^ kPolynomial : crc >> 1;
    table[index] = static_cast<std::uint16_t>(crc);
  }
  return table;
}

constexpr auto kCrcTable = make_crc_table();

}  // namespace

bool is_message_codec(CodecId codec) {
  return codec == CodecId::k12 || codec == CodecId::k13 || codec == CodecId::k14 || codec == CodecId::k15;
}

std::string_view parse_message(Bytes body, Message& message) {
  ByteReader reader(body);
  message.codec = static_cast<CodecId>(reader.read<std::uint8_t>());
  const auto quantity = reader.read<std::uint8_t>();
  message.type = static_cast<MessageType>(reader.read<std::uint8_t>());
  message.content = reader.take(reader.read<std::uint32_t>());
  const auto repeated_quantity = reader.read<std::uint8_t>();
  if (reader.position() == 0 || !is_message_codec(message.codec)) return reason::kUnknownCodec;
  const bool complete = reader.ok() && reader.remaining() == 0;
  return complete && quantity == kQuantity && repeated_quantity == kQuantity ? "" : reason::kMessageForm;
}

std::string_view parse_raw_message(Bytes datagram, Message& message) {
  if (datagram.size() < kRawHeadSize + kBodyOverhead + kRawCrcSize) return reason::kTooShort;
  ByteReader reader(datagram);
  const auto preamble = reader.read<std::uint32_t>();
  const Bytes body = reader.take(reader.read<std::uint32_t>());
  const auto crc = reader.read<std::uint32_t>();
  if (preamble != kRawPreamble || !reader.ok() || reader.remaining() != 0) return reason::kLengthMismatch;
  if (crc != crc16_ibm(body)) return reason::kCrcMismatch;
  return parse_message(body, message);
}

void build_raw_message(const Message& message, std::vector<std::byte>& out) {
  out.clear();
  ByteWriter writer(out);
  writer.write(kRawPreamble);
  writer.write(static_cast<std::uint32_t>(kBodyOverhead + message.content.size()));
  writer.write(static_cast<std::uint8_t>(message.codec));
  writer.write(kQuantity);
  writer.write(static_cast<std::uint8_t>(message.type));
  writer.write(static_cast<std::uint32_t>(message.content.size()));
  writer.write_bytes(message.content);
  writer.write(kQuantity);
  const std::uint32_t crc = crc16_ibm(Bytes(out).subspan(kRawHeadSize));
  writer.write(crc);
}

std::uint16_t crc16_ibm(Bytes bytes) {
  unsigned crc = 0;
  for (const std::byte byte : bytes)
    crc = crc >> 8 ^ kCrcTable[(crc ^ std::to_integer<unsigned>(byte)) & 0xFF];
  return static_cast<std::uint16_t>(crc);
}

}  // namespace ingest::teltonika
