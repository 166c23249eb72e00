#include "daemon/sim/semtech_protocol.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sodium.h>

#include <array>
#include <iterator>
#include <stdexcept>

#include "ingest/semtech_frame.h"

namespace hilera::sim {
namespace {

namespace semtech = ingest::semtech;

// Bit 1 of its first byte: given out by nobody (IEEE 802, section 8.2.2).
constexpr std::uint64_t kLocalEuis = 0x0200'0000'0000'0000;
constexpr std::uint64_t kMostPackets = 4;
constexpr std::uint64_t kFramesPerBacklog = 8;
constexpr std::array<double, 3> kChannels{868.1, 868.3, 868.5};  // MHz
constexpr std::size_t kPayloadSize = 23;

using Eui = std::array<std::byte, semtech::kEuiSize>;

Eui eui_of(std::size_t device) {
  Eui eui;
  const std::uint64_t number = kLocalEuis + device + 1;
  for (std::size_t i = 0; i < eui.size(); ++i)
    eui[i] = static_cast<std::byte>(number >> (8 * (eui.size() - 1 - i)));
  return eui;
}

std::string base64(const std::array<unsigned char, kPayloadSize>& bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
  std::array<char, sodium_base64_ENCODED_LEN(kPayloadSize, kVariant)> text;
  return sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), kVariant);
}

void append_packet(std::uint64_t seed, const Device& device, WallTime time, std::int8_t signal_dbm, std::string& json) {
  Random random(seed);
  std::array<unsigned char, kPayloadSize> payload;
  for (unsigned char& byte : payload)
    byte = static_cast<unsigned char>(random.next());
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  fmt::format_to(std::back_inserter(json),
                 R"({{"time":"{:%Y-%m-%dT%H:%M:%S}.{:03}000Z","tmst":{},"chan":{},"rfch":0,"freq":{},"stat":1,)"
                 R"("modu":"LORA","datr":"SF{}BW125","codr":"4/5","rssi":{},"lsnr":{},"size":{},"data":"{}"}})",
                 fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), since.count() % 1000,
                 static_cast<std::uint32_t>(since.count() * 1000), device.made % kChannels.size(),
                 kChannels[device.made % kChannels.size()], 7 + random.next() % 6, signal_dbm,
                 static_cast<double>(random.next() % 300) / 10 - 15, kPayloadSize, base64(payload));
}

}  // namespace

SemtechProtocol::SemtechProtocol(const ProtocolOptions& options) : plan_(options.devices), next_pull_(options.devices) {
  if (modulus() < options.window) {
    throw std::invalid_argument("gateways of so many can have " + std::to_string(modulus()) + " frames open at most");
  }
}

std::string SemtechProtocol::serial(std::size_t device) const {
  std::string text;
  semtech::append_eui(eui_of(device), text);
  return text;
}

std::size_t SemtechProtocol::make_frame(Device& device, WallTime now, bool /*ack_wanted*/,
                                        std::vector<std::byte>& out) {
  const std::uint64_t seed = Random(device.index << 40 ^ device.made).next();
  const std::size_t packets = seed % kFramesPerBacklog == 0 ? 2 + (seed >> 32) % (kMostPackets - 1) : 1;
  body_ = R"({"rxpk":[)";
  for (std::size_t i = 0; i < packets; ++i) {
    if (i > 0) body_ += ',';
    append_packet(seed + i, device, device.tick(now), device.telemetry.next().signal_dbm, body_);
  }
  body_ += "]}";
  const std::uint64_t token = device.made % modulus() * plan_.places() + plan_.place_of(device.index);
  const Eui eui = eui_of(device.index);
  semtech::build_frame({.version = semtech::kVersion2,
                        .token = static_cast<std::uint16_t>(token),
                        .type = semtech::Type::kPushData,
                        .eui = eui,
                        .body = ingest::as_bytes(body_)},
                       out);
  return packets;
}

bool SemtechProtocol::keep_alive(const Device& device, WallTime now, std::vector<std::byte>& out) {
  WallTime& next = next_pull_[device.index];
  if (now < next) return false;
  next = now + kPullEvery;
  const Eui eui = eui_of(device.index);
  semtech::build_frame({.version = semtech::kVersion2,
                        .token = static_cast<std::uint16_t>(device.made),
                        .type = semtech::Type::kPullData,
                        .eui = eui,
                        .body = {}},
                       out);
  return true;
}

bool SemtechProtocol::answers_keep_alive(ingest::Bytes datagram) const {
  semtech::Answer answer;
  return semtech::parse_answer(datagram, answer).empty() && answer.type == semtech::Type::kPullAck;
}

std::optional<Answer> SemtechProtocol::read_answer(ingest::Bytes datagram, std::size_t socket) const {
  semtech::Answer answer;
  if (!semtech::parse_answer(datagram, answer).empty() || answer.type != semtech::Type::kPushAck) return std::nullopt;
  return Answer{.device = plan_.device_at(socket, answer.token % plan_.places()),
                .number = answer.token / plan_.places(),
                .modulus = modulus(),
                .records = std::nullopt};
}

bool SemtechProtocol::answer_downlink(ingest::Bytes /*datagram*/, std::vector<std::byte>& /*out*/) const {
  return false;
}

}  // namespace hilera::sim
