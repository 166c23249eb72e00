// Trust: what a listener asks of datagrams before it believes them, from the configuration. Immutable.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "greenrt/deadline.h"
#include "ingest/key_ring.h"
#include "ingest/text_hash.h"

namespace ingest {

enum class AuthPolicy : std::uint8_t {
  kNone,      // nothing is proved here: a datagram with a tag is refused, since nobody can check it
  kOptional,  // what has a tag must have the right one; a device that has proved itself once must go on doing so
  kRequired,  // no datagram without the right tag
};

enum class DevicePolicy : std::uint8_t {
  kAny,
  kKnown,  // only those that have a line in the file of devices, or a key of their own
};

// Serials that an operator has admitted.
using KnownDevices = std::unordered_set<std::string, TextHash, std::equal_to<>>;

struct Trust {
  AuthPolicy auth = AuthPolicy::kNone;
  DevicePolicy devices = DevicePolicy::kAny;
  std::shared_ptr<const KeyRing> keys;                // none with AuthPolicy::kNone
  std::shared_ptr<const KnownDevices> known;          // none: only keys make a device known
  greenrt::Duration pin = greenrt::Duration::zero();  // how long a device that proves nothing is bound to the IP
                                                      // address it was heard from last, while it is remembered here
                                                      // (not over a restart); 0: not at all

  bool guarded = false;  // devices that speak this codec prove themselves, here or at another listener

  // The operator has named the device.
  [[nodiscard]] bool names(std::string_view nserie) const {
    return (known && known->contains(nserie)) || (keys && keys->names(nserie));
  }
  // It may send here.
  [[nodiscard]] bool knows(std::string_view nserie) const { return devices == DevicePolicy::kAny || names(nserie); }
};

// Why a well-formed datagram is refused. Prometheus label values.
namespace refusal {
inline constexpr std::string_view kUnknownDevice = "unknown_device";
inline constexpr std::string_view kUnauthenticated = "unauthenticated";  // has no tag, where one is required
inline constexpr std::string_view kTagUnsupported = "tag_unsupported";   // has one, where there are no keys
inline constexpr std::string_view kUnknownKey = "unknown_key";
inline constexpr std::string_view kBadTag = "bad_tag";
inline constexpr std::string_view kDowngrade = "downgrade";  // has no tag, though its device has proved itself before
inline constexpr std::string_view kReplayed = "replayed";    // too old: nobody can tell any more whether it is new
inline constexpr std::string_view kAddressPinned = "address_pinned";

inline constexpr std::array kAll = {kUnknownDevice, kUnauthenticated, kTagUnsupported, kUnknownKey,
                                    kBadTag,        kDowngrade,       kReplayed,       kAddressPinned};
}  // namespace refusal

}  // namespace ingest
