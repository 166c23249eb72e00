#include "daemon/sim/native_protocol.h"

#include <array>
#include <charconv>
#include <limits>

#include "ingest/native_frame.h"
#include "ingest/native_items.h"

namespace hilera::sim {
namespace {

namespace native = ingest::native;

constexpr std::string_view kPrefix = "sim-";
constexpr std::size_t kDigits = 6;

// A sequence starts at 1; when all of an epoch's are used, the device begins the next epoch.
constexpr std::uint64_t kSequences = std::numeric_limits<std::uint32_t>::max();

std::optional<std::size_t> device_of(std::string_view serial) {
  if (serial.size() != kPrefix.size() + kDigits || !serial.starts_with(kPrefix)) return std::nullopt;
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(serial.data() + kPrefix.size(), serial.data() + serial.size(), number);
  if (error != std::errc() || end != serial.data() + serial.size() || number == 0) return std::nullopt;
  return number - 1;
}

void write_items(const Reading& reading, std::vector<std::byte>& payload) {
  payload.clear();
  native::ItemWriter items(payload);
  items.add_float(1, reading.temperature);
  items.add_integer(2, reading.supply_mv);
  items.add_integer(3, reading.pulses);
  items.add_integer(4, reading.longitude);
  items.add_integer(5, reading.latitude);
  items.add_integer(6, reading.speed);
  items.add_integer(7, reading.signal_dbm);
  items.add_bool(8, reading.moving);
  if (!reading.text.empty()) items.add_text(9, reading.text);
}

}  // namespace

std::string NativeProtocol::serial(std::size_t device) const {
  const std::string digits = std::to_string(device + 1);
  return std::string(kPrefix) + std::string(kDigits - digits.size(), '0') + digits;
}

std::size_t NativeProtocol::make_frame(Device& device, WallTime now, bool ack_wanted, std::vector<std::byte>& out) {
  write_items(device.telemetry.next(), payload_);
  const auto time = device.tick(now);
  native::build_frame({.flags = ack_wanted ? std::uint8_t{native::kAckWanted} : std::uint8_t{0},
                       .serial = device.serial,
                       .epoch = static_cast<std::uint32_t>(epoch_ + device.made / kSequences),
                       .sequence = static_cast<std::uint32_t>(device.made % kSequences + 1),
                       .time_ms = static_cast<std::uint64_t>(time.time_since_epoch().count()),
                       .payload = payload_},
                      out);
  return 1;
}

std::optional<Answer> NativeProtocol::read_answer(ingest::Bytes datagram, std::size_t /*socket*/) const {
  native::Frame frame;
  if (!native::parse_frame(datagram, frame).empty()) return std::nullopt;
  if (frame.flags != (native::kAnswerAck | native::kDownlink)) return std::nullopt;
  if (frame.payload.size() != 1 || frame.sequence == 0 || frame.epoch < epoch_) return std::nullopt;
  const auto device = device_of(frame.serial);
  if (!device) return std::nullopt;
  const std::uint64_t epochs = frame.epoch - epoch_;
  return Answer{.device = *device,
                .number = epochs * kSequences + frame.sequence - 1,
                .refused = frame.payload[0] == static_cast<std::byte>(native::Status::kRefused)};
}

bool NativeProtocol::answer_downlink(ingest::Bytes datagram, std::vector<std::byte>& out) const {
  native::Frame frame;
  if (!native::parse_frame(datagram, frame).empty()) return false;
  if (frame.flags != (native::kDownlink | native::kAckWanted)) return false;
  constexpr std::array kStored = {static_cast<std::byte>(native::Status::kStored)};
  native::build_frame({.flags = native::kAnswerAck,
                       .serial = frame.serial,
                       .epoch = frame.epoch,
                       .sequence = frame.sequence,
                       .payload = kStored},
                      out);
  return true;
}

}  // namespace hilera::sim
