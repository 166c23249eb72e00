// Codec `teltonika`: trackers that send codec 8, 8E or 16 over UDP, with their IMEI as serial. The protocol has no
// authentication of any kind.
//
// A datagram is taken whole or refused whole, because its answer counts records and a device that is told fewer sends
// all of them again. Number of records: one byte on the wire, hence at most 255. Messages (codecs 12 to 15), raw or
// within a datagram, are control: well formed, nothing to store.
//
// Fields of a record: {"priority":1,"longitude":25.2799983,"latitude":54.7253599,"altitude":111,"angle":214,
// "satellites":4,"speed":4,"event":1,"generation":5,"io":{"21":3,"66":23996}}, longitude and latitude in degrees with
// the seven places that they have on the wire; generation from codec 16 only; timestamp_ms where it cannot be a time.
// IO values are unsigned (their sign is not on the wire); those of variable length are hex text. An id that stands
// twice in a record stands twice in the object.

#pragma once

#include "ingest/codec.h"

namespace ingest {

class TeltonikaCodec final : public Codec {
 public:
  [[nodiscard]] std::string_view name() const override { return "teltonika"; }
  [[nodiscard]] std::size_t max_datagram_size() const override;
  [[nodiscard]] std::span<const std::string_view> reject_reasons() const override;
  [[nodiscard]] std::string_view peek_serial(Bytes datagram) const override;
  void decode(Bytes datagram, Decoded& out) const override;

  // The protocol cannot tell a duplicate or a refusal: any status means that the device may delete its copy.
  void make_ack(Bytes datagram, const Decoded& decoded, AckStatus status, const KeyRing* keys, Ack& ack) const override;

  void append_fields(Bytes datagram, const Record& record, std::string& json) const override;
  [[nodiscard]] std::string legend(std::string_view group, std::string_view name, std::uint64_t value) const override;

  // A codec 12 command in the raw form, which has no room for `id`: the answer is known by its sender alone.
  [[nodiscard]] DownlinkManners downlink_manners(std::uint8_t version) const override;
  [[nodiscard]] std::optional<std::vector<std::byte>> encode_downlink(std::string_view nserie, std::uint64_t id,
                                                                      Bytes payload,
                                                                      const DownlinkPeer& peer) const override;
  [[nodiscard]] std::string downlink_obstacle(std::string_view nserie, Bytes payload) const override;
};

}  // namespace ingest
