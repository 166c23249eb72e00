#include "ingest/teltonika_codec.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include "ingest/byte_reader.h"
#include "ingest/frame_id.h"
#include "ingest/json_writer.h"
#include "ingest/teltonika_frame.h"
#include "ingest/teltonika_io.h"
#include "ingest/teltonika_message.h"

namespace ingest {
namespace {

using teltonika::CodecId;
using teltonika::Layout;
using teltonika::Message;
using teltonika::MessageType;
namespace reason = teltonika::reason;

constexpr std::size_t kPackedImeiSize = 8;
constexpr std::size_t kMaxCommand = 1280 - 20;  // what surrounds it in a datagram

bool is_raw(Bytes datagram) {
  ByteReader reader(datagram);
  const auto first = reader.read<std::uint32_t>();
  return reader.ok() && first == teltonika::kRawPreamble;
}

// Codecs 12 and 14 go both ways: a command that comes from a device is an echo. 13 and 15 only come from devices.
std::string_view check_message_direction(const Message& message) {
  if (message.codec == CodecId::k13 || message.codec == CodecId::k15) return {};
  const bool answer = message.type == MessageType::kResponse || message.type == MessageType::kNack;
  return answer ? std::string_view{} : reason::kMessageType;
}

// Of a command, which has no number: the one that is under way. None for what devices say of their own accord. In codec
// 14 the IMEI stands before the text.
std::optional<DownlinkAnswer> answer_of(const Message& message) {
  if (message.codec != CodecId::k12 && message.codec != CodecId::k14) return std::nullopt;
  const bool refused = message.type == MessageType::kNack;
  const std::size_t before = message.codec == CodecId::k14 ? std::min(kPackedImeiSize, message.content.size()) : 0;
  return DownlinkAnswer{.outcome = refused ? DownlinkAnswer::Outcome::kFailed : DownlinkAnswer::Outcome::kDelivered,
                        .text = as_text(message.content.subspan(before))};
}

std::string_view decode_record(ByteReader& reader, const Layout& layout, Record& record) {
  const std::size_t start = reader.position();
  const teltonika::Gps gps = teltonika::read_gps(reader);
  teltonika::IoReader elements(reader, layout);
  teltonika::IoElement element;
  while (elements.next(element)) {
  }
  if (!reader.ok()) return reason::kRecordOverrun;
  if (!elements.total_is_right()) return reason::kIoTotal;
  record.bytes = reader.since(start);
  record.device_time = usable_device_time(gps.timestamp_ms);
  return {};
}

// Sorting in place needs no memory, and the place in the datagram makes it stable.
void sort_by_time(std::vector<Record>& records) {
  std::ranges::sort(records, [](const Record& a, const Record& b) {
    if (a.device_time != b.device_time) return a.device_time < b.device_time;
    return std::less<>{}(a.bytes.data(), b.bytes.data());
  });
}

// From the number of records to the end of the datagram.
std::string_view decode_records(ByteReader& reader, const Layout& layout, std::vector<Record>& records) {
  const auto count = reader.read<std::uint8_t>();
  if (!reader.ok()) return reason::kTooShort;
  if (count == 0) return reason::kNoRecords;
  for (unsigned i = 0; i < count; ++i) {
    Record record;
    if (const auto fault = decode_record(reader, layout, record); !fault.empty()) return fault;
    records.push_back(record);
  }
  const auto repeated_count = reader.read<std::uint8_t>();
  if (!reader.ok()) return reason::kRecordOverrun;
  if (reader.remaining() != 0) return reason::kTrailingBytes;
  if (repeated_count != count) return reason::kCountMismatch;
  sort_by_time(records);
  return {};
}

std::string_view decode_raw(Bytes datagram, Decoded& out) {
  Message message;
  if (const auto fault = teltonika::parse_raw_message(datagram, message); !fault.empty()) return fault;
  if (const auto fault = check_message_direction(message); !fault.empty()) return fault;
  out.verdict = Verdict::kControl;
  // Ours leave in codec 12: who answers in codec 14, which names an IMEI, was asked by somebody else.
  if (message.codec == CodecId::k12) out.answer = answer_of(message);
  return {};
}

std::string_view decode_data_or_message(Bytes datagram, Decoded& out) {
  ByteReader reader(datagram);
  const auto length = reader.read<std::uint16_t>();
  reader.take(teltonika::kImeiLengthOffset - reader.position());
  const auto imei_size = reader.read<std::uint16_t>();
  if (!reader.ok()) return reason::kTooShort;
  if (length != datagram.size() - sizeof(length)) return reason::kLengthMismatch;
  if (imei_size != teltonika::kImeiSize) return reason::kImeiLength;
  const std::string_view imei = as_text(reader.take(imei_size));
  const std::size_t body_start = reader.position();
  const auto codec = static_cast<CodecId>(reader.read<std::uint8_t>());
  if (!reader.ok()) return reason::kTooShort;
  if (!teltonika::is_imei(imei)) return reason::kImeiDigits;

  out.nserie = imei;
  out.updates_path = true;
  if (const auto layout = teltonika::layout_of(codec)) {
    out.verdict = Verdict::kRecords;
    out.ack_wanted = true;
    return decode_records(reader, *layout, out.records);
  }
  Message message;
  if (const auto fault = teltonika::parse_message(datagram.subspan(body_start), message); !fault.empty()) return fault;
  out.verdict = Verdict::kControl;
  out.answer = answer_of(message);
  return check_message_direction(message);
}

void write_io(ByteReader& reader, const Layout& layout, bool with_generation, JsonWriter& writer) {
  teltonika::IoReader elements(reader, layout);
  writer.member("event", elements.event());
  if (with_generation) writer.member("generation", elements.generation());
  writer.key("io");
  writer.begin_object();
  teltonika::IoElement element;
  while (elements.next(element)) {
    writer.key(std::uint64_t{element.id});
    if (element.variable) {
      writer.hex(element.value);
    } else {
      writer.number(ByteReader(element.value).read_unsigned(element.value.size()));
    }
  }
  writer.end_object();
}

}  // namespace

std::size_t TeltonikaCodec::max_datagram_size() const {
  return teltonika::kMaxDatagramSize;
}

std::span<const std::string_view> TeltonikaCodec::reject_reasons() const {
  return reason::kAll;
}

std::string_view TeltonikaCodec::peek_serial(Bytes datagram) const {
  if (is_raw(datagram)) return {};
  ByteReader reader(datagram);
  reader.take(teltonika::kImeiLengthOffset);
  if (reader.read<std::uint16_t>() != teltonika::kImeiSize) return {};
  return as_text(reader.take(teltonika::kImeiSize));
}

void TeltonikaCodec::decode(Bytes datagram, Decoded& out) const {
  out.clear();
  const auto fault = is_raw(datagram) ? decode_raw(datagram, out) : decode_data_or_message(datagram, out);
  if (!fault.empty()) out.reject(fault);
}

void TeltonikaCodec::make_ack(Bytes datagram, const Decoded& decoded, AckStatus /*status*/, const KeyRing* /*keys*/,
                              Ack& ack) const {
  if (decoded.verdict != Verdict::kRecords) {
    ack.resize(0);
    return;
  }
  const auto bytes = ack.resize(teltonika::kAckSize);
  bytes[0] = std::byte{0};
  bytes[1] = std::byte{teltonika::kAckSize - 2};
  bytes[2] = datagram[2];
  bytes[3] = datagram[3];
  bytes[4] = std::byte{1};
  bytes[5] = datagram[5];
  bytes[6] = static_cast<std::byte>(decoded.records.size());
}

void TeltonikaCodec::append_fields(Bytes datagram, const Record& record, std::string& json) const {
  constexpr std::size_t kPlaces = 7;
  const auto layout = teltonika::layout_of(static_cast<CodecId>(datagram[teltonika::kHeaderSize]));
  ByteReader reader(record.bytes);
  const teltonika::Gps gps = teltonika::read_gps(reader);
  JsonWriter writer(json);
  writer.begin_object();
  if (!record.device_time) writer.member("timestamp_ms", gps.timestamp_ms);
  writer.member("priority", gps.priority);
  writer.key("longitude");
  writer.decimal(gps.longitude, kPlaces);
  writer.key("latitude");
  writer.decimal(gps.latitude, kPlaces);
  writer.member("altitude", gps.altitude);
  writer.member("angle", gps.angle);
  writer.member("satellites", gps.satellites);
  writer.member("speed", gps.speed);
  if (layout) write_io(reader, *layout, layout->has_generation, writer);
  writer.end_object();
}

std::string TeltonikaCodec::legend(std::string_view group, std::string_view name, std::uint64_t value) const {
  std::uint16_t id = 0;
  const char* end = name.data() + name.size();
  const auto [parsed, error] = std::from_chars(name.data(), end, id);
  if (group != "io" || error != std::errc() || parsed != end) return {};
  return teltonika::describe_io(id, value);
}

DownlinkManners TeltonikaCodec::downlink_manners(std::uint8_t /*version*/) const {
  return {.answers_name_device = false};
}

std::optional<std::vector<std::byte>> TeltonikaCodec::encode_downlink(std::string_view nserie, std::uint64_t /*id*/,
                                                                      Bytes payload,
                                                                      const DownlinkPeer& /*peer*/) const {
  if (!downlink_obstacle(nserie, payload).empty()) return std::nullopt;
  std::vector<std::byte> datagram;
  teltonika::build_raw_message({.codec = CodecId::k12, .type = MessageType::kCommand, .content = payload}, datagram);
  return datagram;
}

// Codec 12 also carries bytes to what is wired to a tracker, so that any byte may stand in a command.
std::string TeltonikaCodec::downlink_obstacle(std::string_view nserie, Bytes payload) const {
  if (!teltonika::is_imei(nserie)) return "has no such serial: an IMEI has 15 digits";
  if (payload.empty()) return "cannot carry an empty command";
  if (payload.size() <= kMaxCommand) return "";
  return "cannot carry a command of " + std::to_string(payload.size()) + " bytes: it has at most " +
         std::to_string(kMaxCommand);
}

}  // namespace ingest
