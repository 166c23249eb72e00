// Codec `native`: Hilera's own frame, with and without a tag. NATIVE_FRAME.md describes frame, answer and fields.

#pragma once

#include "ingest/codec.h"

namespace ingest {

class NativeCodec final : public Codec {
 public:
  [[nodiscard]] std::string_view name() const override { return "native"; }
  [[nodiscard]] std::size_t max_datagram_size() const override;
  [[nodiscard]] std::span<const std::string_view> reject_reasons() const override;
  [[nodiscard]] std::string_view peek_serial(Bytes datagram) const override;
  [[nodiscard]] KeyForm key_form() const override { return KeyForm::kDeviceKeys; }
  void decode(Bytes datagram, Decoded& out) const override;
  [[nodiscard]] std::string_view verify(Bytes datagram, const Decoded& decoded, const KeyRing& keys) const override;
  void make_ack(Bytes datagram, const Decoded& decoded, AckStatus status, const KeyRing* keys, Ack& ack) const override;
  void append_fields(Bytes datagram, const Record& record, std::string& json) const override;

  // A payload that is a list of items is sent as it is, any other as one blob with id 0. The row's number is the
  // frame's epoch (its high half) and sequence (its low half), which the device repeats in its answer.
  [[nodiscard]] DownlinkManners downlink_manners(std::uint8_t version) const override;
  [[nodiscard]] std::optional<std::vector<std::byte>> encode_downlink(std::string_view nserie, std::uint64_t id,
                                                                      Bytes payload,
                                                                      const DownlinkPeer& peer) const override;
  [[nodiscard]] std::string downlink_obstacle(std::string_view nserie, Bytes payload) const override;
};

}  // namespace ingest
