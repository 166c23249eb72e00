#include "ingest/collectd_codec.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>

#include "ingest/collectd_parts.h"
#include "ingest/frame_id.h"
#include "ingest/json_writer.h"
#include "ingest/keyed_hash.h"
#include "ingest/trust.h"

namespace ingest {
namespace {

using collectd::Part;
using collectd::PartReader;
using collectd::PartType;
using collectd::Severity;
using collectd::State;
using collectd::ValueKind;
namespace reason = collectd::reason;

constexpr unsigned kFractionBits = 30;  // of a time
constexpr std::uint64_t kUnitsPerSecond = std::uint64_t{1} << kFractionBits;
constexpr std::uint64_t kFractionMask = kUnitsPerSecond - 1;
constexpr double kSecondsPerUnit = 1.0 / static_cast<double>(kUnitsPerSecond);

static_assert(crypto_auth_hmacsha256_BYTES == collectd::kMacSize);

const unsigned char* raw(Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// To the nearest one, as collectd itself prints times. None from 2^33 seconds on, see RecordKeys.
std::optional<std::int64_t> milliseconds_of(std::uint64_t time) {
  if (time >> 63 != 0) return std::nullopt;
  const std::uint64_t fraction = ((time & kFractionMask) * 1000 + kUnitsPerSecond / 2) >> kFractionBits;
  return usable_device_time((time >> kFractionBits) * 1000 + fraction);
}

// None can be later where it does not fit: it is further ahead than any clock.
std::chrono::nanoseconds time_of(const State& state) {
  using std::chrono::nanoseconds;
  const std::uint64_t seconds = state.time >> kFractionBits;
  if (seconds > static_cast<std::uint64_t>(std::chrono::floor<std::chrono::seconds>(nanoseconds::max()).count()) - 1)
    return nanoseconds::max();
  const std::uint64_t fraction = (state.time & kFractionMask) * std::nano::den >> kFractionBits;
  return std::chrono::seconds(seconds) + nanoseconds(fraction);
}

void append_names(std::string& text, const State& state) {
  for (const std::string_view name : {state.plugin, state.plugin_instance, state.type, state.type_instance})
    text.append(name).push_back('\0');
}

// collectd itself takes no value that is not later than the one before of the same names. Of notifications several may
// have one time: each text is a series.
Reading reading_of(const State& state, const Part& sample) {
  static thread_local std::string name;
  name.clear();
  append_names(name, state);
  if (sample.type == PartType::kMessage) name.append(as_text(sample.bytes));
  return {.series = keyed_hash(as_bytes(name)), .time = time_of(state)};
}

// Gives records their keys, hashing what a sample says wherever it stands in its datagram.
class RecordKeys {
 public:
  void set(Record& record, const State& state) {
    content_.clear();
    append_names(content_, state);
    append(state.time);
    append(state.interval);
    append(state.severity ? static_cast<std::uint64_t>(*state.severity) : 0);
    content_.append(as_text(record.bytes));
    const RecordKey key = content_key(std::nullopt, as_bytes(content_));
    record.digest = key.digest;
    record.frame_id =
        record.device_time ? (state.time & ~kFractionMask) | (key.frame_id & kFractionMask) : key.frame_id;
  }

 private:
  void append(std::uint64_t number) {
    for (unsigned shift = 64; shift > 0; shift -= 8)
      content_.push_back(static_cast<char>(number >> (shift - 8) & 0xFF));
  }

  std::string content_;
};

// Sorting in place needs no memory, and the place in the datagram makes it stable.
void sort_by_time(std::vector<Record>& records) {
  std::ranges::sort(records, [](const Record& a, const Record& b) {
    if (a.device_time != b.device_time) return a.device_time < b.device_time;
    return std::less<>{}(a.bytes.data(), b.bytes.data());
  });
}

// What is wrong with a part in its place, the first being number 0.
std::string_view check_place(const Part& part, std::size_t place, const State& state) {
  if (part.type == PartType::kSignature) return place == 0 ? std::string_view{} : reason::kSignaturePlace;
  if (part.type == PartType::kHost) {
    if (state.host.empty()) return place < collectd::kHostWithin ? std::string_view{} : reason::kHostPlace;
    return state.host == collectd::text_of(part.body) ? std::string_view{} : reason::kSeveralHosts;
  }
  return part.is_sample() && !state.suffices_for(part.type) ? reason::kIncomplete : std::string_view{};
}

std::string_view decode_parts(Bytes datagram, Decoded& out) {
  static thread_local RecordKeys keys;
  State state;
  PartReader parts(datagram);
  Part part;
  for (std::size_t place = 0; parts.next(part); ++place) {
    if (const auto fault = check_part(part); !fault.empty()) return fault;
    if (const auto fault = check_place(part, place, state); !fault.empty()) return fault;
    state.take(part);
    if (part.type == PartType::kSignature) out.tagged = true;
    if (!part.is_sample()) continue;
    Record& record = out.records.emplace_back();
    record.bytes = part.bytes;
    record.device_time = milliseconds_of(state.time);
    keys.set(record, state);
    if (out.tagged) out.readings.push_back(reading_of(state, part));
  }
  if (!parts.fault().empty()) return parts.fault();
  if (out.records.empty()) return reason::kNoRecords;
  out.nserie = state.host;
  return {};
}

std::string_view severity_text(Severity severity) {
  switch (severity) {
    case Severity::kFailure:
      return "failure";
    case Severity::kWarning:
      return "warning";
    case Severity::kOkay:
      break;
  }
  return "okay";
}

void write_name(std::string_view name, std::string_view value, JsonWriter& writer) {
  if (value.empty()) return;
  writer.key(name);
  writer.text(value);
}

void write_values(Bytes body, JsonWriter& writer) {
  writer.key("values");
  writer.begin_array();
  collectd::ValueReader values(body);
  while (values.next()) {
    switch (values.kind()) {
      case ValueKind::kGauge:
        writer.number(values.gauge());
        break;
      case ValueKind::kDerive:
        writer.number(values.derive());
        break;
      case ValueKind::kCounter:
      case ValueKind::kAbsolute:
        writer.number(values.count());
        break;
    }
  }
  writer.end_array();
}

}  // namespace

std::size_t CollectdCodec::max_datagram_size() const {
  return collectd::kMaxDatagramSize;
}

std::span<const std::string_view> CollectdCodec::reject_reasons() const {
  return reason::kAll;
}

std::string_view CollectdCodec::peek_serial(Bytes datagram) const {
  return collectd::peek_host(datagram);
}

void CollectdCodec::decode(Bytes datagram, Decoded& out) const {
  out.clear();
  if (const auto fault = decode_parts(datagram, out); !fault.empty()) return out.reject(fault);
  if (const auto signature = collectd::signature_of(datagram)) {
    if (signature->user != out.nserie) return out.reject(reason::kUserNotHost);
  }
  sort_by_time(out.records);
  out.updates_path = true;
  out.verdict = Verdict::kRecords;
}

std::string_view CollectdCodec::verify(Bytes datagram, const Decoded& decoded, const KeyRing& keys) const {
  const auto password = keys.password(decoded.nserie);
  if (!password) return refusal::kUnknownKey;
  const auto signature = collectd::signature_of(datagram);
  if (!signature) return refusal::kBadTag;
  crypto_auth_hmacsha256_state state;
  std::array<unsigned char, collectd::kMacSize> mac;
  crypto_auth_hmacsha256_init(&state, raw(*password), password->size());
  crypto_auth_hmacsha256_update(&state, raw(signature->signed_bytes), signature->signed_bytes.size());
  crypto_auth_hmacsha256_final(&state, mac.data());
  sodium_memzero(&state, sizeof(state));
  return sodium_memcmp(mac.data(), signature->mac.data(), mac.size()) == 0 ? std::string_view{} : refusal::kBadTag;
}

void CollectdCodec::make_ack(Bytes /*datagram*/, const Decoded& /*decoded*/, AckStatus /*status*/,
                             const KeyRing* /*keys*/, Ack& ack) const {
  ack.resize(0);
}

void CollectdCodec::append_fields(Bytes datagram, const Record& record, std::string& json) const {
  const auto [state, sample] = collectd::sample_at(datagram, record.bytes.data());
  JsonWriter writer(json);
  writer.begin_object();
  write_name("plugin", state.plugin, writer);
  write_name("plugin_instance", state.plugin_instance, writer);
  write_name("type", state.type, writer);
  write_name("type_instance", state.type_instance, writer);
  if (!record.device_time) writer.member("time", static_cast<double>(state.time) * kSecondsPerUnit);
  if (state.interval != 0) writer.member("interval", static_cast<double>(state.interval) * kSecondsPerUnit);
  if (sample.type == PartType::kValues) {
    write_values(sample.body, writer);
  } else {
    write_name("severity", severity_text(*state.severity), writer);
    write_name("message", collectd::text_of(sample.body), writer);
  }
  writer.end_object();
}

std::string CollectdCodec::downlink_obstacle(std::string_view /*nserie*/, Bytes /*payload*/) const {
  return "knows no frames to devices";
}

std::optional<std::vector<std::byte>> CollectdCodec::encode_downlink(std::string_view /*nserie*/, std::uint64_t /*id*/,
                                                                     Bytes /*payload*/,
                                                                     const DownlinkPeer& /*peer*/) const {
  return std::nullopt;
}

}  // namespace ingest
