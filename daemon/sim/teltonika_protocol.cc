#include "daemon/sim/teltonika_protocol.h"

#include <span>

#include "ingest/teltonika_message.h"

namespace hilera::sim {
namespace {

namespace teltonika = ingest::teltonika;

constexpr std::uint32_t kTokens = 1u << 24;
constexpr std::string_view kTypeAllocation = "00102030";  // 00: an IMEI for tests
constexpr std::size_t kSerialDigits = 6;
constexpr int kFramesPerBacklog = 8;
constexpr std::uint16_t kMovementEvent = 240;
constexpr std::uint16_t kTextId = 10500;

char check_digit(std::string_view digits) {
  int sum = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const int digit = digits[i] - '0';
    const int weighed = i % 2 == 1 ? 2 * digit : digit;
    sum += weighed / 10 + weighed % 10;
  }
  return static_cast<char>('0' + (10 - sum % 10) % 10);
}

std::size_t record_count(const Device& device, std::size_t most) {
  const std::uint64_t draw = Random(device.index << 40 ^ device.made).next();
  if (draw % kFramesPerBacklog != 0) return 1;
  return 2 + (draw >> 32) % (most - 1);
}

bool speaks_extended(const Device& device) {
  return device.index % 4 == 3;
}

std::uint8_t signal_bars(std::int8_t dbm) {
  return static_cast<std::uint8_t>((dbm + 113) / 13);
}

}  // namespace

std::string TeltonikaProtocol::serial(std::size_t device) const {
  const std::string digits = std::to_string(device + 1);
  std::string imei = std::string(kTypeAllocation) + std::string(kSerialDigits - digits.size(), '0') + digits;
  imei += check_digit(imei);
  return imei;
}

std::uint64_t TeltonikaProtocol::modulus() const {
  return kTokens / plan_.places();
}

void TeltonikaProtocol::fill_record(std::size_t index, Device& device, WallTime now) {
  const Reading& reading = device.telemetry.next();
  const auto time = device.tick(now);
  numbers_[index] = {{
      {.id = 239, .width = 1, .value = reading.moving},
      {.id = 240, .width = 1, .value = reading.moving},
      {.id = 21, .width = 1, .value = signal_bars(reading.signal_dbm)},
      {.id = 66, .width = 2, .value = reading.supply_mv},
      {.id = 67, .width = 2, .value = reading.battery_mv},
      {.id = 72, .width = 4, .value = static_cast<std::uint32_t>(static_cast<std::int32_t>(reading.temperature * 10))},
      {.id = 16, .width = 4, .value = reading.odometer_m},
  }};
  texts_[index] = {.id = kTextId, .value = ingest::as_bytes(reading.text)};
  records_[index] = {.gps = {.timestamp_ms = static_cast<std::uint64_t>(time.time_since_epoch().count()),
                             .priority = std::uint8_t{!reading.text.empty()},
                             .longitude = reading.longitude,
                             .latitude = reading.latitude,
                             .altitude = reading.altitude,
                             .angle = reading.angle,
                             .satellites = 9,
                             .speed = reading.speed},
                     .event = reading.moving ? kMovementEvent : std::uint16_t{0},
                     .numbers = numbers_[index],
                     .others = std::span(&texts_[index], reading.text.empty() ? 0 : 1)};
}

std::size_t TeltonikaProtocol::make_frame(Device& device, WallTime now, bool /*ack_wanted*/,
                                          std::vector<std::byte>& out) {
  const std::size_t count = record_count(device, kMaxRecords);
  for (std::size_t i = 0; i < count; ++i)
    fill_record(i, device, now);
  const std::uint64_t token = device.made % modulus() * plan_.places() + plan_.place_of(device.index);
  teltonika::build_datagram({.packet_id = static_cast<std::uint16_t>(token >> 8),
                             .avl_packet_id = static_cast<std::uint8_t>(token),
                             .imei = device.serial,
                             .codec = speaks_extended(device) ? teltonika::CodecId::k8Extended : teltonika::CodecId::k8,
                             .records = std::span(records_).first(count)},
                            out);
  return count;
}

std::optional<Answer> TeltonikaProtocol::read_answer(ingest::Bytes datagram, std::size_t socket) const {
  const auto ack = teltonika::parse_ack(datagram);
  if (!ack) return std::nullopt;
  const std::size_t token = std::size_t{ack->packet_id} << 8 | ack->avl_packet_id;
  return Answer{.device = plan_.device_at(socket, token % plan_.places()),
                .number = token / plan_.places(),
                .modulus = modulus(),
                .records = ack->accepted};
}

bool TeltonikaProtocol::answer_downlink(ingest::Bytes datagram, std::vector<std::byte>& out) const {
  teltonika::Message message;
  if (!teltonika::parse_raw_message(datagram, message).empty()) return false;
  if (message.type != teltonika::MessageType::kCommand) return false;
  teltonika::build_raw_message(
      {.codec = message.codec, .type = teltonika::MessageType::kResponse, .content = ingest::as_bytes("OK")}, out);
  return true;
}

}  // namespace hilera::sim
