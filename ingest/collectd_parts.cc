#include "ingest/collectd_parts.h"

#include <algorithm>
#include <bit>

#include "ingest/utf8.h"

namespace ingest::collectd {
namespace {

constexpr std::size_t kValuesCountSize = 2;
constexpr std::uint64_t kSecondsLimit = std::uint64_t{1} << 34;  // of 2^-30 seconds 64 bits hold so many
constexpr unsigned kFractionBits = 30;

std::uint64_t number_of(Bytes body) {
  return ByteReader(body).read<std::uint64_t>();
}

bool is_host_character(char c) {
  return c > ' ' && c < '\x7F';
}

std::string_view check_text(Bytes body, std::size_t longest) {
  if (body.size() > longest + 1) return reason::kTextLength;
  const std::string_view text = as_text(body);
  if (text.find('\0') != text.size() - 1) return reason::kTextForm;
  return is_utf8(text) ? std::string_view{} : reason::kTextUtf8;
}

// It becomes nserie, whose column holds ASCII.
std::string_view check_host(Bytes body) {
  if (const auto fault = check_text(body, kMaxName); !fault.empty()) return fault;
  const std::string_view host = text_of(body);
  return !host.empty() && std::ranges::all_of(host, is_host_character) ? std::string_view{} : reason::kHostCharacters;
}

std::string_view check_message(Bytes body) {
  return body.size() == 1 ? reason::kTextLength : check_text(body, kMaxMessage);
}

std::string_view check_number(Bytes body) {
  return body.size() == sizeof(std::uint64_t) ? std::string_view{} : reason::kNumberLength;
}

std::string_view check_seconds(Bytes body) {
  if (const auto fault = check_number(body); !fault.empty()) return fault;
  return number_of(body) < kSecondsLimit ? std::string_view{} : reason::kTimeRange;
}

std::string_view check_severity(Bytes body) {
  if (const auto fault = check_number(body); !fault.empty()) return fault;
  const auto number = number_of(body);
  return number == 1 || number == 2 || number == 4 ? std::string_view{} : reason::kSeverity;
}

std::string_view check_values(Bytes body) {
  ByteReader reader(body);
  const std::size_t count = reader.read<std::uint16_t>();
  if (count == 0 || body.size() != kValuesCountSize + count * kValueSize) return reason::kValuesLength;
  const auto known = [](std::byte kind) { return kind <= static_cast<std::byte>(ValueKind::kAbsolute); };
  return std::ranges::all_of(reader.take(count), known) ? std::string_view{} : reason::kValueKind;
}

}  // namespace

bool PartReader::next(Part& part) {
  if (reader_.remaining() == 0) return false;
  const std::size_t start = reader_.position();
  part.type = static_cast<PartType>(reader_.read<std::uint16_t>());
  const std::size_t size = reader_.read<std::uint16_t>();
  if (!reader_.ok()) {
    fault_ = reason::kPartOverrun;
    return false;
  }
  if (size <= kPartHeadSize) {
    fault_ = reason::kPartLength;
    return false;
  }
  part.body = reader_.take(size - kPartHeadSize);
  if (!reader_.ok()) {
    fault_ = reason::kPartOverrun;
    return false;
  }
  part.bytes = reader_.since(start);
  return true;
}

std::string_view check_part(const Part& part) {
  switch (part.type) {
    case PartType::kHost:
      return check_host(part.body);
    case PartType::kPlugin:
    case PartType::kPluginInstance:
    case PartType::kType:
    case PartType::kTypeInstance:
      return check_text(part.body, kMaxName);
    case PartType::kMessage:
      return check_message(part.body);
    case PartType::kTime:
    case PartType::kInterval:
      return check_seconds(part.body);
    case PartType::kTimeFine:
    case PartType::kIntervalFine:
      return check_number(part.body);
    case PartType::kSeverity:
      return check_severity(part.body);
    case PartType::kValues:
      return check_values(part.body);
    case PartType::kSignature:
      return part.body.size() > kMacSize ? std::string_view{} : reason::kSignatureLength;
    case PartType::kEncryption:
      return reason::kEncrypted;
  }
  return {};
}

std::string_view text_of(Bytes body) {
  return as_text(body.first(body.size() - 1));
}

void State::take(const Part& part) {
  switch (part.type) {
    case PartType::kHost:
      host = text_of(part.body);
      break;
    case PartType::kPlugin:
      plugin = text_of(part.body);
      break;
    case PartType::kPluginInstance:
      plugin_instance = text_of(part.body);
      break;
    case PartType::kType:
      type = text_of(part.body);
      break;
    case PartType::kTypeInstance:
      type_instance = text_of(part.body);
      break;
    case PartType::kTime:
      time = number_of(part.body) << kFractionBits;
      break;
    case PartType::kTimeFine:
      time = number_of(part.body);
      break;
    case PartType::kInterval:
      interval = number_of(part.body) << kFractionBits;
      break;
    case PartType::kIntervalFine:
      interval = number_of(part.body);
      break;
    case PartType::kSeverity:
      severity = static_cast<Severity>(number_of(part.body));
      break;
    default:
      break;
  }
}

bool State::suffices_for(PartType sample) const {
  if (host.empty() || time == 0) return false;
  return sample == PartType::kMessage ? severity.has_value() : !plugin.empty() && !type.empty();
}

Sample sample_at(Bytes datagram, const std::byte* start) {
  Sample sample;
  PartReader parts(datagram);
  while (parts.next(sample.part) && sample.part.bytes.data() != start)
    sample.state.take(sample.part);
  return sample;
}

ValueReader::ValueReader(Bytes body) : kinds_({}), values_({}) {
  ByteReader reader(body);
  const std::size_t count = reader.read<std::uint16_t>();
  kinds_ = ByteReader(reader.take(count));
  values_ = ByteReader(reader.take(reader.remaining()));
}

bool ValueReader::next() {
  if (kinds_.remaining() == 0) return false;
  kind_ = static_cast<ValueKind>(kinds_.read<std::uint8_t>());
  bits_ = values_.read<std::uint64_t>();
  return true;
}

double ValueReader::gauge() const {
  return std::bit_cast<double>(__builtin_bswap64(bits_));
}

std::optional<Signature> signature_of(Bytes datagram) {
  PartReader parts(datagram);
  Part part;
  if (!parts.next(part) || part.type != PartType::kSignature || part.body.size() <= kMacSize) return std::nullopt;
  return Signature{.mac = part.body.first(kMacSize),
                   .user = as_text(part.body.subspan(kMacSize)),
                   .signed_bytes = datagram.subspan(kPartHeadSize + kMacSize)};
}

std::string_view peek_host(Bytes datagram) {
  PartReader parts(datagram);
  Part part;
  for (std::size_t place = 0; place < kHostWithin && parts.next(part); ++place) {
    if (part.type == PartType::kHost) return text_of(part.body);
  }
  return {};
}

}  // namespace ingest::collectd
