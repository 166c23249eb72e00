// Codec `semtech`: LoRa gateways that speak Semtech's packet forwarder protocol (GWMP), version 1 or 2, with their EUI
// as serial. SEMTECH.md describes records, fields, answers and downlinks. The protocol has no authentication of any
// kind.
//
// Decoding walks the JSON and allocates: for its strings and keys, never more than in proportion to the datagram.

#pragma once

#include "ingest/codec.h"

namespace ingest {

class SemtechCodec final : public Codec {
 public:
  [[nodiscard]] std::string_view name() const override { return "semtech"; }
  [[nodiscard]] std::size_t max_datagram_size() const override;
  [[nodiscard]] std::span<const std::string_view> reject_reasons() const override;

  // The eight bytes of the EUI as they are on the wire.
  [[nodiscard]] std::string_view peek_serial(Bytes datagram) const override;
  [[nodiscard]] std::string_view serial_of(std::string_view peeked, SerialRoom& room) const override;

  // In lower case: gateways print their EUI in capitals.
  [[nodiscard]] std::string stored_form(std::string_view written) const override;

  // PUSH_DATA and PULL_DATA leave from two sockets.
  [[nodiscard]] bool keeps_its_port() const override { return false; }

  void decode(Bytes datagram, Decoded& out) const override;

  // The protocol cannot tell a duplicate or a refusal. PULL_DATA, and PUSH_DATA without a record, are answered as well.
  void make_ack(Bytes datagram, const Decoded& decoded, AckStatus status, const KeyRing* keys, Ack& ack) const override;

  void append_fields(Bytes datagram, const Record& record, std::string& json) const override;

  // A PULL_RESP of version 2 whose token is the low 16 bits of `id`; `payload` is the JSON object of "txpk".
  [[nodiscard]] std::optional<std::vector<std::byte>> encode_downlink(std::string_view nserie, std::uint64_t id,
                                                                      Bytes payload,
                                                                      const DownlinkPeer& peer) const override;
  [[nodiscard]] DownlinkManners downlink_manners(std::uint8_t version) const override;
  [[nodiscard]] std::string downlink_obstacle(std::string_view nserie, Bytes payload) const override;
};

}  // namespace ingest
