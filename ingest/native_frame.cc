#include "ingest/native_frame.h"

#include <sodium.h>

#include <algorithm>
#include <cassert>

#include "ingest/byte_reader.h"
#include "ingest/byte_writer.h"

namespace ingest::native {
namespace {

bool is_serial_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool is_serial_size(std::size_t size) {
  return size >= 1 && size <= kMaxSerialSize;
}

}  // namespace

bool is_serial(std::string_view serial) {
  return is_serial_size(serial.size()) && std::ranges::all_of(serial, is_serial_character);
}

std::string_view peek_serial(Bytes datagram) {
  ByteReader reader(datagram);
  if (as_text(reader.take(kMagic.size())) != kMagic) return {};
  reader.take(kHeadSize - kMagic.size() - 1);
  const auto size = reader.read<std::uint8_t>();
  return is_serial_size(size) ? as_text(reader.take(size)) : std::string_view{};
}

std::string_view parse_frame(Bytes datagram, Frame& frame) {
  ByteReader reader(datagram);
  const std::string_view magic = as_text(reader.take(kMagic.size()));
  const auto version = reader.read<std::uint8_t>();
  frame.flags = reader.read<std::uint8_t>();
  frame.key_id = reader.read<std::uint8_t>();
  const auto serial_size = reader.read<std::uint8_t>();
  if (!reader.ok()) return reason::kTooShort;
  if (magic != kMagic) return reason::kBadMagic;
  if (version != kVersion) return reason::kUnknownVersion;
  if ((frame.flags & ~kKnownFlags) != 0) return reason::kUnknownFlags;
  if (!is_serial_size(serial_size)) return reason::kSerialLength;

  frame.serial = as_text(reader.take(serial_size));
  const std::size_t content_start = reader.position();
  frame.epoch = reader.read<std::uint32_t>();
  frame.sequence = reader.read<std::uint32_t>();
  frame.time_ms = reader.read<std::uint64_t>();
  const auto payload_size = reader.read<std::uint16_t>();
  if (!reader.ok()) return reason::kTooShort;
  if (!is_serial(frame.serial)) return reason::kSerialCharacters;

  frame.payload = reader.take(payload_size);
  frame.content = reader.since(content_start);
  frame.signed_part = reader.since(0);
  frame.tag = reader.take((frame.flags & kTagged) != 0 ? kTagSize : 0);
  if (!reader.ok() || reader.remaining() != 0) return reason::kLengthMismatch;
  return {};
}

void build_frame(const Frame& frame, std::vector<std::byte>& out) {
  assert(is_serial(frame.serial) && frame.payload.size() <= 0xFFFF);
  out.clear();
  ByteWriter writer(out);
  writer.write_text(kMagic);
  writer.write(kVersion);
  writer.write(frame.flags);
  writer.write(frame.key_id);
  writer.write(static_cast<std::uint8_t>(frame.serial.size()));
  writer.write_text(frame.serial);
  writer.write(frame.epoch);
  writer.write(frame.sequence);
  writer.write(frame.time_ms);
  writer.write(static_cast<std::uint16_t>(frame.payload.size()));
  writer.write_bytes(frame.payload);
}

Tag tag_of(Bytes signed_part, const DeviceKey& key) {
  Tag tag;
  crypto_generichash(reinterpret_cast<unsigned char*>(tag.data()), tag.size(),
                     reinterpret_cast<const unsigned char*>(signed_part.data()), signed_part.size(),
                     reinterpret_cast<const unsigned char*>(key.bytes().data()), key.bytes().size());
  return tag;
}

bool tag_is_right(Bytes signed_part, Bytes tag, const DeviceKey& key) {
  return tag.size() == kTagSize && sodium_memcmp(tag_of(signed_part, key).data(), tag.data(), kTagSize) == 0;
}

void append_tag(std::vector<std::byte>& frame, const DeviceKey& key) {
  const Tag tag = tag_of(frame, key);
  frame.insert(frame.end(), tag.begin(), tag.end());
}

}  // namespace ingest::native
