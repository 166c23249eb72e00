// Trackers that speak Teltonika over UDP, with test IMEIs (they begin with 00) whose check digit is right.
//
// Most frames carry one record, some a few that were saved up. Three of four trackers speak codec 8, the fourth 8E,
// which has room for a text. An answer names no IMEI, so a frame's packet id and AVL packet id, 24 bits together, tell
// both the device's place on its socket and the frame's number, as far as they reach.

#pragma once

#include <array>

#include "daemon/sim/protocol.h"
#include "ingest/teltonika_frame.h"

namespace hilera::sim {

class TeltonikaProtocol final : public Protocol {
 public:
  explicit TeltonikaProtocol(const ProtocolOptions& options) : plan_(options.devices) {}

  [[nodiscard]] std::string_view codec() const override { return "teltonika"; }
  [[nodiscard]] std::string serial(std::size_t device) const override;
  std::size_t make_frame(Device& device, WallTime now, bool ack_wanted, std::vector<std::byte>& out) override;
  [[nodiscard]] std::optional<Answer> read_answer(ingest::Bytes datagram, std::size_t socket) const override;
  [[nodiscard]] bool answer_downlink(ingest::Bytes datagram, std::vector<std::byte>& out) const override;

 private:
  static constexpr std::size_t kMaxRecords = 4;
  static constexpr std::size_t kNumbers = 7;

  [[nodiscard]] std::uint64_t modulus() const;
  void fill_record(std::size_t index, Device& device, WallTime now);

  SocketPlan plan_;
  std::array<ingest::teltonika::RecordSpec, kMaxRecords> records_;
  std::array<std::array<ingest::teltonika::NumberElement, kNumbers>, kMaxRecords> numbers_;
  std::array<ingest::teltonika::VariableElement, kMaxRecords> texts_;
};

}  // namespace hilera::sim
