#include "ingest/native_codec.h"

#include <algorithm>

#include "ingest/frame_id.h"
#include "ingest/json_writer.h"
#include "ingest/native_frame.h"
#include "ingest/native_items.h"
#include "ingest/trust.h"

namespace ingest {
namespace {

using native::Frame;

constexpr std::uint8_t kAnswerFlags = native::kAnswerAck | native::kAnswerNack;

std::uint64_t number_of(const Frame& frame) {
  return std::uint64_t{frame.epoch} << 32 | frame.sequence;
}

bool is_answer(const Frame& frame) {
  return (frame.flags & kAnswerFlags) != 0;
}

// Whether a collector takes this frame from a device: empty, or the reason why not.
std::string_view check_direction_and_encryption(const Frame& frame) {
  if ((frame.flags & native::kDownlink) != 0) return native::reason::kReflected;
  if ((frame.flags & native::kEncrypted) != 0) return native::reason::kEncrypted;
  return {};
}

std::string_view check_answer(const Frame& frame) {
  const std::uint8_t kind = frame.flags & (kAnswerFlags | native::kAckWanted);
  if (kind != native::kAnswerAck && kind != native::kAnswerNack) return native::reason::kFlagCombination;
  if (frame.payload.size() != 1) return native::reason::kBadAnswer;
  if (frame.payload[0] > static_cast<std::byte>(native::Status::kRefused)) return native::reason::kBadAnswer;
  return {};
}

std::string_view check_data(const Frame& frame) {
  if (frame.sequence == 0) return native::reason::kSequenceZero;
  return native::check_items(frame.payload);
}

std::string_view parse_from_device(Bytes datagram, Frame& frame) {
  if (const auto fault = native::parse_frame(datagram, frame); !fault.empty()) return fault;
  if (const auto fault = check_direction_and_encryption(frame); !fault.empty()) return fault;
  return is_answer(frame) ? check_answer(frame) : check_data(frame);
}

DownlinkAnswer answer_of(const Frame& frame) {
  DownlinkAnswer answer{.id = number_of(frame), .id_bits = ~std::uint64_t{0}};
  if ((frame.flags & native::kAnswerNack) != 0) {
    answer.outcome = DownlinkAnswer::Outcome::kNotNow;
  } else if (frame.payload[0] == static_cast<std::byte>(native::Status::kRefused)) {
    answer.outcome = DownlinkAnswer::Outcome::kFailed;
    answer.text = "the device refuses it";
  }
  return answer;
}

native::Status wire_status(AckStatus status) {
  switch (status) {
    case AckStatus::kStored:
      return native::Status::kStored;
    case AckStatus::kDuplicate:
      return native::Status::kDuplicate;
    case AckStatus::kRefused:
      break;
  }
  return native::Status::kRefused;
}

}  // namespace

std::size_t NativeCodec::max_datagram_size() const {
  return native::kMaxDatagramSize;
}

std::span<const std::string_view> NativeCodec::reject_reasons() const {
  return native::reason::kAll;
}

std::string_view NativeCodec::peek_serial(Bytes datagram) const {
  return native::peek_serial(datagram);
}

void NativeCodec::decode(Bytes datagram, Decoded& out) const {
  Frame frame;
  if (const auto fault = parse_from_device(datagram, frame); !fault.empty()) return out.reject(fault);
  out.clear();
  out.nserie = frame.serial;
  out.tagged = (frame.flags & native::kTagged) != 0;
  if (out.tagged) out.key_id = frame.key_id;
  out.updates_path = true;
  if (is_answer(frame)) {
    out.verdict = Verdict::kControl;
    out.answer = answer_of(frame);
    out.updates_path = !out.tagged;  // it may be an old one: its number is that of the row
    return;
  }
  out.verdict = Verdict::kRecords;
  if (out.tagged) out.counter = number_of(frame);
  out.ack_wanted = (frame.flags & native::kAckWanted) != 0;
  out.records.push_back({.bytes = frame.content, .device_time = usable_device_time(frame.time_ms)});
}

std::string_view NativeCodec::verify(Bytes datagram, const Decoded& decoded, const KeyRing& keys) const {
  const auto key = keys.device_key(decoded.nserie, decoded.key_id);
  if (!key) return refusal::kUnknownKey;
  const std::size_t signed_size = datagram.size() - native::kTagSize;
  return native::tag_is_right(datagram.first(signed_size), datagram.subspan(signed_size), *key) ? std::string_view{}
                                                                                                : refusal::kBadTag;
}

// A data frame has at least one byte of payload, so that the answer, which has one, is never longer.
void NativeCodec::make_ack(Bytes datagram, const Decoded& decoded, AckStatus status, const KeyRing* keys,
                           Ack& ack) const {
  ack.resize(0);
  if (decoded.verdict != Verdict::kRecords || !decoded.ack_wanted) return;
  const std::size_t repeated = native::kHeadSize + decoded.nserie.size() + native::kStampSize;
  const std::size_t status_offset = native::kHeadSize + decoded.nserie.size() + native::kBodySize;
  const bool proved = decoded.auth_level >= AuthLevel::kMac;
  const auto key = proved && keys ? keys->device_key(decoded.nserie, decoded.key_id) : std::nullopt;
  if (proved && !key) return;
  const auto bytes = ack.resize(status_offset + 1 + (key ? native::kTagSize : 0));
  std::ranges::fill(bytes, std::byte{0});
  std::ranges::copy(datagram.first(repeated), bytes.begin());
  bytes[3] = static_cast<std::byte>(native::kAnswerAck | native::kDownlink | (key ? native::kTagged : 0));
  bytes[status_offset - 1] = std::byte{1};
  bytes[status_offset] = static_cast<std::byte>(wire_status(status));
  if (key) std::ranges::copy(native::tag_of(bytes.first(status_offset + 1), *key), bytes.begin() + status_offset + 1);
}

void NativeCodec::append_fields(Bytes /*datagram*/, const Record& record, std::string& json) const {
  ByteReader content(record.bytes);
  JsonWriter writer(json);
  writer.begin_object();
  writer.member("epoch", content.read<std::uint32_t>());
  writer.member("sequence", content.read<std::uint32_t>());
  const auto time_ms = content.read<std::uint64_t>();
  if (!record.device_time && time_ms != 0) writer.member("time_ms", time_ms);
  const auto payload_size = content.read<std::uint16_t>();
  writer.key("values");
  writer.begin_object();
  native::ItemReader items(content.take(payload_size));
  native::Item item;
  while (items.next(item))
    native::write_item(item, writer);
  writer.end_object();
  writer.end_object();
}

DownlinkManners NativeCodec::downlink_manners(std::uint8_t /*version*/) const {
  return {.repeatable = true};
}

std::optional<std::vector<std::byte>> NativeCodec::encode_downlink(std::string_view nserie, std::uint64_t id,
                                                                   Bytes payload, const DownlinkPeer& peer) const {
  if (!native::is_serial(nserie) || payload.empty() || payload.size() > native::kMaxDatagramSize) return std::nullopt;
  std::vector<std::byte> wrapped;
  if (!native::check_items(payload).empty()) {
    native::ItemWriter(wrapped).add_blob(0, payload);
    payload = wrapped;
  }
  std::vector<std::byte> datagram;
  const DownlinkKey* key = peer.key;
  const std::uint8_t tagged = key ? native::kTagged : 0;
  native::build_frame({.flags = static_cast<std::uint8_t>(native::kDownlink | native::kAckWanted | tagged),
                       .key_id = key ? key->id : std::uint8_t{0},
                       .serial = nserie,
                       .epoch = static_cast<std::uint32_t>(id >> 32),
                       .sequence = static_cast<std::uint32_t>(id),
                       .payload = payload},
                      datagram);
  if (key) native::append_tag(datagram, key->key);
  if (datagram.size() > native::kMaxDatagramSize) return std::nullopt;
  return datagram;
}

std::string NativeCodec::downlink_obstacle(std::string_view nserie, Bytes payload) const {
  if (!native::is_serial(nserie)) return "has no such serial: 1 to 32 of A-Z, a-z, 0-9, '.', '_' and '-'";
  if (payload.empty()) return "cannot carry an empty payload";
  // The largest frame: with a tag.
  const DownlinkKey key{};
  if (encode_downlink(nserie, 0, payload, &key)) return "";
  return "cannot carry " + std::to_string(payload.size()) + " bytes: a frame has at most " +
         std::to_string(native::kMaxDatagramSize) + ", with its head and tag";
}

}  // namespace ingest
