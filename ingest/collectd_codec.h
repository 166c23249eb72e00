// Codec `collectd`: the binary network protocol of collectd, as its plugin `network` sends it with the security levels
// None and Sign. The serial is the host (collectd's option Hostname): ASCII without spaces.
//
// One way: nothing is acknowledged, and nothing goes down to a host; where it was heard last is noted all the same, for
// pinning and for telling it from strangers.
//
// One record for each list of values and for each notification. A datagram is taken whole or refused whole: also where
// collectd would drop one sample of many, because it lacks host, plugin, type or time. All of a datagram has to be of
// one host (`several_hosts`), since a datagram is one unit of custody in the order of one device: a collectd that
// forwards what others have measured cannot send here. Parts of unknown type are skipped. Encrypted datagrams are
// refused (`encrypted`): that level proves nothing, its checksum has no key.
//
// A signature is one under the password of a user; that user has to have the name of the host, or else whoever has a
// password could write for every host. The protocol numbers nothing, but of one series (plugin, type and their
// instances) each sample is later than the one before; a signed datagram none of whose samples is, was here before. What
// is not signed and comes again is made of records that are there already.
//
// What a sample means stands in the datagram before it, so its key is made of all that, the host aside. A host takes
// hundreds of samples in one millisecond, among which 20 bits would tell too few apart: with a time, frame_id is its
// seconds << 30 | 30 bits of the content's hash.
//
// Fields of a list of values: {"plugin":"cpu","plugin_instance":"0","type":"cpu","type_instance":"idle","interval":10,
// "values":[21.5,null]}, the instances and the interval where there are some; null for what is no number. The names of
// the values are those that types.db gives for the type, and are not on the wire. Of a notification: the same without
// values and with "severity":"failure" (or "warning", "okay") and "message". "time" in seconds where it cannot be one.

#pragma once

#include "ingest/codec.h"

namespace ingest {

class CollectdCodec final : public Codec {
 public:
  [[nodiscard]] std::string_view name() const override { return "collectd"; }
  [[nodiscard]] std::size_t max_datagram_size() const override;
  [[nodiscard]] std::span<const std::string_view> reject_reasons() const override;
  [[nodiscard]] std::string_view peek_serial(Bytes datagram) const override;
  [[nodiscard]] KeyForm key_form() const override { return KeyForm::kPasswords; }
  void decode(Bytes datagram, Decoded& out) const override;
  [[nodiscard]] std::string_view verify(Bytes datagram, const Decoded& decoded, const KeyRing& keys) const override;
  void make_ack(Bytes datagram, const Decoded& decoded, AckStatus status, const KeyRing* keys, Ack& ack) const override;
  void append_fields(Bytes datagram, const Record& record, std::string& json) const override;
  [[nodiscard]] std::optional<std::vector<std::byte>> encode_downlink(std::string_view nserie, std::uint64_t id,
                                                                      Bytes payload,
                                                                      const DownlinkPeer& peer) const override;
  [[nodiscard]] std::string downlink_obstacle(std::string_view nserie, Bytes payload) const override;
};

}  // namespace ingest
