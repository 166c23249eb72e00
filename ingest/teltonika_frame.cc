#include "ingest/teltonika_frame.h"

#include <algorithm>
#include <cassert>

#include "ingest/byte_writer.h"

namespace ingest::teltonika {
namespace {

constexpr std::array<std::size_t, 4> kWidths = {1, 2, 4, 8};
constexpr std::uint16_t kAckLength = 5;

void write_gps(const Gps& gps, ByteWriter& writer) {
  writer.write(gps.timestamp_ms);
  writer.write(gps.priority);
  writer.write(gps.longitude);
  writer.write(gps.latitude);
  writer.write(gps.altitude);
  writer.write(gps.angle);
  writer.write(gps.satellites);
  writer.write(gps.speed);
}

void write_io(const RecordSpec& record, const Layout& layout, ByteWriter& writer) {
  const std::size_t variable_count = layout.has_variable ? record.others.size() : 0;
  writer.write_unsigned(record.event, layout.id_size);
  if (layout.has_generation) writer.write(record.generation);
  writer.write_unsigned(record.numbers.size() + variable_count, layout.count_size);
  for (const std::size_t width : kWidths) {
    const auto in_group = [width](const NumberElement& element) { return element.width == width; };
    writer.write_unsigned(static_cast<std::uint64_t>(std::ranges::count_if(record.numbers, in_group)),
                          layout.count_size);
    for (const NumberElement& element : record.numbers) {
      if (!in_group(element)) continue;
      writer.write_unsigned(element.id, layout.id_size);
      writer.write_unsigned(element.value, width);
    }
  }
  if (!layout.has_variable) return;
  writer.write_unsigned(variable_count, layout.count_size);
  for (const VariableElement& element : record.others) {
    writer.write(element.id);
    writer.write(static_cast<std::uint16_t>(element.value.size()));
    writer.write_bytes(element.value);
  }
}

}  // namespace

std::optional<Layout> layout_of(CodecId codec) {
  switch (codec) {
    case CodecId::k8:
      return Layout{.id_size = 1, .count_size = 1, .has_generation = false, .has_variable = false};
    case CodecId::k8Extended:
      return Layout{.id_size = 2, .count_size = 2, .has_generation = false, .has_variable = true};
    case CodecId::k16:
      return Layout{.id_size = 2, .count_size = 1, .has_generation = true, .has_variable = false};
    default:
      return std::nullopt;
  }
}

Gps read_gps(ByteReader& reader) {
  Gps gps;
  gps.timestamp_ms = reader.read<std::uint64_t>();
  gps.priority = reader.read<std::uint8_t>();
  gps.longitude = reader.read<std::int32_t>();
  gps.latitude = reader.read<std::int32_t>();
  gps.altitude = reader.read<std::int16_t>();
  gps.angle = reader.read<std::uint16_t>();
  gps.satellites = reader.read<std::uint8_t>();
  gps.speed = reader.read<std::uint16_t>();
  return gps;
}

IoReader::IoReader(ByteReader& reader, const Layout& layout) : reader_(reader), layout_(layout) {
  event_ = static_cast<std::uint16_t>(reader_.read_unsigned(layout_.id_size));
  if (layout_.has_generation) generation_ = reader_.read<std::uint8_t>();
  total_ = reader_.read_unsigned(layout_.count_size);
}

bool IoReader::next_group() {
  const std::size_t groups = kWidths.size() + (layout_.has_variable ? 1 : 0);
  if (groups_begun_ == groups) return false;
  ++groups_begun_;
  left_in_group_ = reader_.read_unsigned(layout_.count_size);
  return reader_.ok();
}

bool IoReader::next(IoElement& element) {
  while (left_in_group_ == 0) {
    if (!next_group()) return false;
  }
  --left_in_group_;
  ++seen_;
  element.id = static_cast<std::uint16_t>(reader_.read_unsigned(layout_.id_size));
  element.variable = groups_begun_ > kWidths.size();
  element.value = reader_.take(element.variable ? reader_.read<std::uint16_t>() : kWidths[groups_begun_ - 1]);
  return reader_.ok();
}

bool is_imei(std::string_view text) {
  return text.size() == kImeiSize && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

void build_datagram(const DatagramSpec& spec, std::vector<std::byte>& out) {
  const auto layout = layout_of(spec.codec);
  assert(layout && is_imei(spec.imei) && !spec.records.empty() && spec.records.size() <= 0xFF);
  const auto record_count = static_cast<std::uint8_t>(spec.records.size());
  out.clear();
  ByteWriter writer(out);
  writer.write(std::uint16_t{0});
  writer.write(spec.packet_id);
  writer.write(std::uint8_t{1});
  writer.write(spec.avl_packet_id);
  writer.write(static_cast<std::uint16_t>(kImeiSize));
  writer.write_text(spec.imei);
  writer.write(static_cast<std::uint8_t>(spec.codec));
  writer.write(record_count);
  for (const RecordSpec& record : spec.records) {
    write_gps(record.gps, writer);
    write_io(record, *layout, writer);
  }
  writer.write(record_count);
  assert(out.size() - 2 <= 0xFFFF);
  const auto length = static_cast<std::uint16_t>(out.size() - 2);
  out[0] = static_cast<std::byte>(length >> 8);
  out[1] = static_cast<std::byte>(length & 0xFF);
}

std::optional<AckFields> parse_ack(Bytes datagram) {
  if (datagram.size() != kAckSize) return std::nullopt;
  ByteReader reader(datagram);
  if (reader.read<std::uint16_t>() != kAckLength) return std::nullopt;
  AckFields ack;
  ack.packet_id = reader.read<std::uint16_t>();
  reader.take(1);
  ack.avl_packet_id = reader.read<std::uint8_t>();
  ack.accepted = reader.read<std::uint8_t>();
  return ack;
}

}  // namespace ingest::teltonika
