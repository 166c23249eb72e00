// Protocol: how the devices of a fleet speak. One object for the whole fleet; knows frames and answers, no sockets.
//
// Never throws on what the network brings. Not shared between threads.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/sim/device.h"
#include "daemon/sim/socket_plan.h"
#include "ingest/bytes.h"
#include "ingest/key_ring.h"

namespace hilera::sim {

// What a collector's answer says of one frame.
struct Answer {
  std::size_t device = 0;
  std::uint64_t number = 0;            // the frame's, as far as the answer repeats it: modulo `modulus`
  std::uint64_t modulus = 0;           // 0: the whole number
  std::optional<std::size_t> records;  // how many the collector took, in protocols that say it
  bool refused = false;                // in custody as a dead letter: sending again would not help
};

class Protocol {
 public:
  Protocol() = default;
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;
  virtual ~Protocol() = default;

  [[nodiscard]] virtual std::string_view codec() const = 0;
  [[nodiscard]] virtual std::string serial(std::size_t device) const = 0;

  // Replaces `out` by the device's next frame, numbered `device.made`, and returns how many records it has. Allocates
  // nothing once `out` has grown. `ack_wanted` changes nothing where the protocol always answers.
  virtual std::size_t make_frame(Device& device, WallTime now, bool ack_wanted, std::vector<std::byte>& out) = 0;

  // Replaces `out` by what the device sends beside its frames, by now, so that the collector can reach it. False when
  // it is not time for that.
  [[nodiscard]] virtual bool keep_alive(const Device& /*device*/, WallTime /*now*/, std::vector<std::byte>& /*out*/) {
    return false;
  }
  [[nodiscard]] virtual bool answers_keep_alive(ingest::Bytes /*datagram*/) const { return false; }

  // None when the datagram, which came to the socket of that number, is not an answer of a collector. The device may
  // not exist.
  [[nodiscard]] virtual std::optional<Answer> read_answer(ingest::Bytes datagram, std::size_t socket) const = 0;

  // Replaces `out` by a device's answer to a downlink frame. False when the datagram is not one.
  [[nodiscard]] virtual bool answer_downlink(ingest::Bytes datagram, std::vector<std::byte>& out) const = 0;
};

struct ProtocolOptions {
  std::size_t devices = 1;
  std::size_t window = 0;                       // frames of a device that may wait for their answers
  std::uint32_t epoch = 0;                      // counts the starts of all devices; unlike in every earlier run
  std::shared_ptr<const ingest::KeyRing> keys;  // with them the devices prove who they are; none: they do not
  std::uint8_t key_id = 0;
};

inline constexpr std::size_t kMaxDevices = 999'999;

// The protocol of that codec; nullptr when there is none. Throws std::invalid_argument for options that it cannot have.
std::unique_ptr<Protocol> make_protocol(std::string_view codec, const ProtocolOptions& options);

}  // namespace hilera::sim
