#include "examples/codec/meter_codec.h"

#include <algorithm>

#include "ingest/byte_reader.h"
#include "ingest/frame_id.h"
#include "ingest/json_writer.h"

namespace ingest {
namespace {

constexpr std::size_t kReportSize = 22;
constexpr std::size_t kSerialOffset = 2;
constexpr std::size_t kSerialSize = 8;
constexpr std::size_t kNumberOffset = kSerialOffset + kSerialSize;
constexpr std::size_t kAnswerSize = 12;

constexpr std::string_view kWrongSize = "wrong_size";
constexpr std::string_view kBadMagic = "bad_magic";
constexpr std::string_view kSerialDigits = "serial_digits";
constexpr std::array kReasons{kWrongSize, kBadMagic, kSerialDigits};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

std::span<const std::string_view> MeterCodec::reject_reasons() const {
  return kReasons;
}

std::string_view MeterCodec::peek_serial(Bytes datagram) const {
  if (datagram.size() < kNumberOffset) return {};
  return as_text(datagram.subspan(kSerialOffset, kSerialSize));
}

void MeterCodec::decode(Bytes datagram, Decoded& out) const {
  out.clear();
  if (datagram.size() != kReportSize) return out.reject(kWrongSize);
  ByteReader reader(datagram);
  if (as_text(reader.take(2)) != "WM") return out.reject(kBadMagic);
  const std::string_view serial = as_text(reader.take(kSerialSize));
  if (!std::ranges::all_of(serial, is_digit)) return out.reject(kSerialDigits);

  Record record;
  record.bytes = datagram.subspan(kNumberOffset);
  reader.take(2);
  record.device_time = usable_device_time(std::uint64_t{1000} * reader.read<std::uint32_t>());
  out.verdict = Verdict::kRecords;
  out.nserie = serial;
  out.records.push_back(record);
  out.ack_wanted = true;
}

void MeterCodec::make_ack(Bytes datagram, const Decoded& /*decoded*/, AckStatus /*status*/, const KeyRing* /*keys*/,
                          Ack& ack) const {
  const std::span<std::byte> answer = ack.resize(kAnswerSize);
  std::ranges::copy(datagram.first(kAnswerSize), answer.begin());
  answer[1] = std::byte{'A'};
}

void MeterCodec::append_fields(Bytes /*datagram*/, const Record& record, std::string& json) const {
  ByteReader reader(record.bytes);
  JsonWriter writer(json);
  writer.begin_object();
  writer.member("report", reader.read<std::uint16_t>());
  reader.take(4);
  writer.member("litres", reader.read<std::uint32_t>());
  writer.member("battery_mv", reader.read<std::uint16_t>());
  writer.end_object();
}

std::optional<std::vector<std::byte>> MeterCodec::encode_downlink(std::string_view /*nserie*/, std::uint64_t /*id*/,
                                                                  Bytes /*payload*/,
                                                                  const DownlinkPeer& /*peer*/) const {
  return std::nullopt;
}

}  // namespace ingest
