#include "ingest/semtech_codec.h"

#include <algorithm>
#include <functional>

#include "ingest/frame_id.h"
#include "ingest/json_writer.h"
#include "ingest/semtech_frame.h"
#include "ingest/semtech_json.h"
#include "ingest/semtech_txpk.h"

namespace ingest {
namespace {

using semtech::Frame;
using semtech::Type;

constexpr std::size_t kTokenSize = 2;
constexpr std::string_view kBefore = R"({"txpk":)";  // of a downlink's object
constexpr std::string_view kAfter = "}";

// The clock of a packet without a time wraps, and a statistic may have none at all: two of them can be equal to the
// byte. A repetition by the network has the same token.
void identify_by_token(Bytes token, std::vector<Record>& records) {
  for (Record& record : records) {
    if (record.device_time) continue;
    const RecordKey key = content_key(record.device_time, record.bytes, token);
    record.frame_id = key.frame_id;
    record.digest = key.digest;
  }
}

// Sorting in place needs no memory, and the place in the datagram makes it stable.
void sort_by_time(std::vector<Record>& records) {
  std::ranges::sort(records, [](const Record& a, const Record& b) {
    if (a.device_time != b.device_time) return a.device_time < b.device_time;
    return std::less<>{}(a.bytes.data(), b.bytes.data());
  });
}

std::string_view decode_push(Bytes datagram, const Frame& frame, Decoded& out) {
  if (const auto fault = semtech::scan_push(frame.body, out.records); !fault.empty()) return fault;
  identify_by_token(datagram.subspan(semtech::kTokenOffset, kTokenSize), out.records);
  sort_by_time(out.records);
  out.verdict = out.records.empty() ? Verdict::kControl : Verdict::kRecords;
  out.ack_wanted = true;
  return {};
}

std::string_view decode_tx_ack(const Frame& frame, Decoded& out) {
  DownlinkAnswer answer{.id = frame.token, .id_bits = 0xFFFF};
  if (const auto fault = semtech::read_tx_ack(frame.body, answer); !fault.empty()) return fault;
  out.verdict = Verdict::kControl;
  out.updates_path = true;
  out.answer = answer;
  return {};
}

std::string_view decode_frame(Bytes datagram, Decoded& out) {
  Frame frame;
  if (const auto fault = semtech::parse_frame(datagram, frame); !fault.empty()) return fault;
  semtech::append_eui(frame.eui, out.nserie_storage);
  out.nserie = out.nserie_storage;
  out.version = frame.version;
  if (frame.type == Type::kPushData) return decode_push(datagram, frame, out);
  if (frame.type == Type::kTxAck) return decode_tx_ack(frame, out);
  out.verdict = Verdict::kControl;
  out.ack_wanted = true;
  out.updates_path = true;
  return {};
}

}  // namespace

std::size_t SemtechCodec::max_datagram_size() const {
  return semtech::kMaxDatagramSize;
}

std::span<const std::string_view> SemtechCodec::reject_reasons() const {
  return semtech::reason::kAll;
}

std::string_view SemtechCodec::peek_serial(Bytes datagram) const {
  if (datagram.size() < semtech::kHeadSize) return {};
  return as_text(datagram.subspan(semtech::kEuiOffset, semtech::kEuiSize));
}

std::string_view SemtechCodec::serial_of(std::string_view peeked, SerialRoom& room) const {
  if (peeked.size() != semtech::kEuiSize) return peeked;
  const auto digits = semtech::eui_digits(as_bytes(peeked));
  std::ranges::copy(digits, room.begin());
  return {room.data(), digits.size()};
}

std::string SemtechCodec::stored_form(std::string_view written) const {
  std::string stored(written);
  for (char& each : stored)
    if (each >= 'A' && each <= 'F') each = static_cast<char>(each - 'A' + 'a');
  return stored;
}

void SemtechCodec::decode(Bytes datagram, Decoded& out) const {
  out.clear();
  if (const auto fault = decode_frame(datagram, out); !fault.empty()) out.reject(fault);
}

void SemtechCodec::make_ack(Bytes datagram, const Decoded& decoded, AckStatus /*status*/, const KeyRing* /*keys*/,
                            Ack& ack) const {
  if (!decoded.ack_wanted) {
    ack.resize(0);
    return;
  }
  const bool push = datagram[semtech::kTypeOffset] == static_cast<std::byte>(Type::kPushData);
  const auto bytes = ack.resize(semtech::kAnswerSize);
  std::ranges::copy(datagram.first(semtech::kTypeOffset), bytes.begin());
  bytes[semtech::kTypeOffset] = static_cast<std::byte>(push ? Type::kPushAck : Type::kPullAck);
}

void SemtechCodec::append_fields(Bytes datagram, const Record& record, std::string& json) const {
  JsonWriter writer(json);
  writer.begin_object();
  writer.key("type");
  writer.text(semtech::kind_of(datagram.subspan(semtech::kHeadSize), record.bytes));
  writer.key("values");
  json += as_text(record.bytes);
  writer.end_object();
}

std::optional<std::vector<std::byte>> SemtechCodec::encode_downlink(std::string_view nserie, std::uint64_t id,
                                                                    Bytes payload, const DownlinkPeer& peer) const {
  if (!downlink_obstacle(nserie, payload).empty()) return std::nullopt;
  std::string body(kBefore);
  body += as_text(payload);
  body += kAfter;
  std::vector<std::byte> datagram;
  const bool first_version = peer.version == semtech::kVersion1;
  semtech::build_answer({.version = first_version ? semtech::kVersion1 : semtech::kVersion2,
                         .token = first_version ? std::uint16_t{0} : static_cast<std::uint16_t>(id & 0xFFFF),
                         .type = Type::kPullResp,
                         .body = as_bytes(body)},
                        datagram);
  return datagram;
}

std::string SemtechCodec::downlink_obstacle(std::string_view nserie, Bytes payload) const {
  constexpr std::size_t kMost = semtech::kMaxDownlinkSize - semtech::kAnswerSize - kBefore.size() - kAfter.size();
  if (!semtech::is_eui(nserie)) return "has no such serial: an EUI has 16 lower-case hexadecimal digits";
  if (payload.size() > kMost) {
    return "cannot carry a txpk of " + std::to_string(payload.size()) + " bytes: it has at most " +
           std::to_string(kMost);
  }
  if (semtech::is_txpk(as_text(payload))) return "";
  return "takes the JSON object of a txpk, with freq, datr, size, data, modu and codr or fdev, and one of imme, tmst, "
         "tmms";
}

// Version 1 has no TX_ACK. A repetition would be sent by radio again.
DownlinkManners SemtechCodec::downlink_manners(std::uint8_t version) const {
  return {.answered = version != semtech::kVersion1};
}

}  // namespace ingest
