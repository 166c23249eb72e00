// Devices that speak the native frame (ingest/NATIVE_FRAME.md), with the serials sim-000001, sim-000002, ... With keys
// they tag their frames, and believe nothing that has not the right tag.
//
// Items: 1 temperature, 2 supply in mV, 3 pulses, 4 longitude, 5 latitude (degrees x 10^7), 6 speed, 7 signal in dBm,
// 8 moving, and now and then 9, a text.

#pragma once

#include "daemon/sim/protocol.h"
#include "ingest/native_frame.h"

namespace hilera::sim {

class NativeProtocol final : public Protocol {
 public:
  // Throws std::invalid_argument when a device has no key of the number that it is to use.
  explicit NativeProtocol(const ProtocolOptions& options);

  [[nodiscard]] std::string_view codec() const override { return "native"; }
  [[nodiscard]] std::string serial(std::size_t device) const override;
  std::size_t make_frame(Device& device, WallTime now, bool ack_wanted, std::vector<std::byte>& out) override;

  // "Not now, send again later" is no answer here: the frame is sent again in its time.
  [[nodiscard]] std::optional<Answer> read_answer(ingest::Bytes datagram, std::size_t socket) const override;
  [[nodiscard]] bool answer_downlink(ingest::Bytes datagram, std::vector<std::byte>& out) const override;

 private:
  [[nodiscard]] bool believes(const ingest::native::Frame& frame) const;
  void build(ingest::native::Frame frame, std::vector<std::byte>& out) const;

  std::uint32_t epoch_;
  std::uint8_t key_id_;
  std::vector<ingest::DeviceKey> keys_;  // of each device; none: they prove nothing
  std::vector<std::byte> payload_;
};

}  // namespace hilera::sim
