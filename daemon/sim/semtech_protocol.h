// Gateways that hand on radio packets in the protocol of Semtech's packet forwarder, version 2, with EUIs of the range
// that is free for local use: PUSH_DATA with one packet mostly, now and then with a few, and PULL_DATA every ten
// seconds, like the reference forwarder.
//
// An answer has two bytes to tell what it answers: they hold the gateway's place on its socket and the frame's number,
// as far as they reach. Gateways share sockets, and a PULL_RESP does not say whom it is for: none is answered.

#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/sim/protocol.h"

namespace hilera::sim {

class SemtechProtocol final : public Protocol {
 public:
  // Throws std::invalid_argument when their answers could not be told apart.
  explicit SemtechProtocol(const ProtocolOptions& options);

  [[nodiscard]] std::string_view codec() const override { return "semtech"; }
  [[nodiscard]] std::string serial(std::size_t device) const override;
  std::size_t make_frame(Device& device, WallTime now, bool ack_wanted, std::vector<std::byte>& out) override;
  [[nodiscard]] bool keep_alive(const Device& device, WallTime now, std::vector<std::byte>& out) override;
  [[nodiscard]] bool answers_keep_alive(ingest::Bytes datagram) const override;
  [[nodiscard]] std::optional<Answer> read_answer(ingest::Bytes datagram, std::size_t socket) const override;
  [[nodiscard]] bool answer_downlink(ingest::Bytes datagram, std::vector<std::byte>& out) const override;

 private:
  static constexpr std::uint64_t kTokens = 1U << 16;
  static constexpr std::chrono::seconds kPullEvery{10};

  [[nodiscard]] std::uint64_t modulus() const { return kTokens / plan_.places(); }

  SocketPlan plan_;
  std::vector<WallTime> next_pull_;
  std::string body_;
};

}  // namespace hilera::sim
