#include "daemon/sim/native_protocol.h"

#include <array>
#include <charconv>
#include <limits>
#include <stdexcept>

#include "ingest/native_frame.h"
#include "ingest/native_items.h"

namespace hilera::sim {
namespace {

namespace native = ingest::native;
using native::Frame;

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

NativeProtocol::NativeProtocol(const ProtocolOptions& options) : epoch_(options.epoch), key_id_(options.key_id) {
  if (!options.keys) return;
  keys_.reserve(options.devices);
  for (std::size_t device = 0; device < options.devices; ++device) {
    const auto key = options.keys->device_key(serial(device), key_id_);
    if (!key) throw std::invalid_argument(serial(device) + " has no key " + std::to_string(key_id_));
    keys_.push_back(*key);
  }
}

bool NativeProtocol::believes(const Frame& frame) const {
  if (keys_.empty()) return (frame.flags & native::kTagged) == 0;
  const auto device = device_of(frame.serial);
  return device && *device < keys_.size() && native::tag_is_right(frame.signed_part, frame.tag, keys_[*device]);
}

void NativeProtocol::build(Frame frame, std::vector<std::byte>& out) const {
  if (keys_.empty()) return native::build_frame(frame, out);
  frame.flags |= native::kTagged;
  frame.key_id = key_id_;
  native::build_frame(frame, out);
  native::append_tag(out, keys_[*device_of(frame.serial)]);
}

std::string NativeProtocol::serial(std::size_t device) const {
  const std::string digits = std::to_string(device + 1);
  return std::string(kPrefix) + std::string(kDigits - digits.size(), '0') + digits;
}

std::size_t NativeProtocol::make_frame(Device& device, WallTime now, bool ack_wanted, std::vector<std::byte>& out) {
  write_items(device.telemetry.next(), payload_);
  const auto time = device.tick(now);
  build({.flags = ack_wanted ? std::uint8_t{native::kAckWanted} : std::uint8_t{0},
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
  if ((frame.flags & ~native::kTagged) != (native::kAnswerAck | native::kDownlink)) return std::nullopt;
  if (frame.payload.size() != 1 || frame.sequence == 0 || frame.epoch < epoch_) return std::nullopt;
  const auto device = device_of(frame.serial);
  if (!device || !believes(frame)) return std::nullopt;
  const std::uint64_t epochs = frame.epoch - epoch_;
  return Answer{.device = *device,
                .number = epochs * kSequences + frame.sequence - 1,
                .refused = frame.payload[0] == static_cast<std::byte>(native::Status::kRefused)};
}

bool NativeProtocol::answer_downlink(ingest::Bytes datagram, std::vector<std::byte>& out) const {
  native::Frame frame;
  if (!native::parse_frame(datagram, frame).empty()) return false;
  if ((frame.flags & ~native::kTagged) != (native::kDownlink | native::kAckWanted) || !believes(frame)) return false;
  constexpr std::array kStored = {static_cast<std::byte>(native::Status::kStored)};
  build({.flags = native::kAnswerAck,
         .serial = frame.serial,
         .epoch = frame.epoch,
         .sequence = frame.sequence,
         .payload = kStored},
        out);
  return true;
}

}  // namespace hilera::sim
