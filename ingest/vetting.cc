#include "ingest/vetting.h"

#include <chrono>

namespace ingest {
namespace {

bool same_host(const greenrt::SocketAddress& a, const greenrt::SocketAddress& b) {
  return a.mapped() == b.mapped();
}

Vetted vet_tagged(const Trust& trust, const Codec& codec, const Datagram& datagram, Decoded& decoded,
                  const Device& device) {
  using Standing = ReplayGuard::Standing;
  if (!trust.keys) return {.refusal = refusal::kTagUnsupported};
  const Device::Proof* proof = device.proof(codec);
  const Standing standing = proof ? proof->guard.standing(decoded) : Standing::kNew;
  if (standing == Standing::kTooOld) return {.refusal = refusal::kReplayed};
  if (const auto fault = codec.verify(datagram.bytes, decoded, *trust.keys); !fault.empty()) return {.refusal = fault};
  decoded.prove(AuthLevel::kMac);
  return {.number_used = standing == Standing::kSeen};
}

Vetted vet_untagged(const Trust& trust, const Codec& codec, const Datagram& datagram, Decoded& decoded,
                    const Device& device) {
  if (trust.auth == AuthPolicy::kRequired) return {.refusal = refusal::kUnauthenticated};
  if (device.proof(codec)) return {.refusal = refusal::kDowngrade};
  if (trust.pin == greenrt::Duration::zero() || !device.listener()) return {};
  const std::chrono::microseconds silent_for(datagram.arrival - device.last_arrival());
  if (silent_for >= trust.pin) return {};
  if (!same_host(device.path().peer, datagram.path.peer)) return {.refusal = refusal::kAddressPinned};
  decoded.prove(AuthLevel::kSourcePinned);
  return {};
}

}  // namespace

Vetted vet(const Trust& trust, const Codec& codec, const Datagram& datagram, Decoded& decoded, const Device& device) {
  if (!trust.knows(decoded.nserie)) return {.refusal = refusal::kUnknownDevice};
  return decoded.tagged ? vet_tagged(trust, codec, datagram, decoded, device)
                        : vet_untagged(trust, codec, datagram, decoded, device);
}

}  // namespace ingest
