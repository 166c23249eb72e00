// Devices that speak the native frame (ingest/NATIVE_FRAME.md), with the serials sim-000001, sim-000002, ...
//
// Items: 1 temperature, 2 supply in mV, 3 pulses, 4 longitude, 5 latitude (degrees x 10^7), 6 speed, 7 signal in dBm,
// 8 moving, and now and then 9, a text.

#pragma once

#include "daemon/sim/protocol.h"

namespace hilera::sim {

class NativeProtocol final : public Protocol {
 public:
  explicit NativeProtocol(const ProtocolOptions& options) : epoch_(options.epoch) {}

  [[nodiscard]] std::string_view codec() const override { return "native"; }
  [[nodiscard]] std::string serial(std::size_t device) const override;
  std::size_t make_frame(Device& device, WallTime now, bool ack_wanted, std::vector<std::byte>& out) override;

  // "Not now, send again later" is no answer here: the frame is sent again in its time.
  [[nodiscard]] std::optional<Answer> read_answer(ingest::Bytes datagram, std::size_t socket) const override;
  [[nodiscard]] bool answer_downlink(ingest::Bytes datagram, std::vector<std::byte>& out) const override;

 private:
  std::uint32_t epoch_;
  std::vector<std::byte> payload_;
};

}  // namespace hilera::sim
