// Codec `meter`: a water meter that reports once an hour. The worked example of docs/adding-a-codec.md.
//
// A report has 22 bytes, big-endian, and is one record:
//
//   offset  size  field
//   0       2     "WM"
//   2       8     serial, digits
//   10      2     number of the report, counts up and wraps
//   12      4     time, seconds since 1970, 0: the clock is not set
//   16      4     volume in litres
//   20      2     battery in mV
//
// The answer is "WA", the serial and the number. The meter keeps a report and sends it every minute until it is
// answered; it takes nothing else. There is no authentication.
//
// Fields: {"report":7,"litres":123456,"battery_mv":3600}.

#pragma once

#include "ingest/codec.h"

namespace ingest {

class MeterCodec final : public Codec {
 public:
  [[nodiscard]] std::string_view name() const override { return "meter"; }
  [[nodiscard]] std::size_t max_datagram_size() const override { return 64; }
  [[nodiscard]] std::span<const std::string_view> reject_reasons() const override;
  [[nodiscard]] std::string_view peek_serial(Bytes datagram) const override;
  void decode(Bytes datagram, Decoded& out) const override;
  void make_ack(Bytes datagram, const Decoded& decoded, AckStatus status, const KeyRing* keys, Ack& ack) const override;
  void append_fields(Bytes datagram, const Record& record, std::string& json) const override;
  [[nodiscard]] std::optional<std::vector<std::byte>> encode_downlink(std::string_view nserie, std::uint64_t id,
                                                                      Bytes payload,
                                                                      const DownlinkPeer& peer) const override;
};

}  // namespace ingest
