// Fleet: the simulated devices and the frames that they still have to care for. Decides what is sent next and what an
// answer means; sends nothing itself.
//
// Devices take turns. With acknowledgements, each keeps a copy of its frame until that is acknowledged, sends the same
// bytes again after a time that doubles, and has at most `window` frames open, of which the last is less than `window`
// after the first: so number n may be made when number n - window is done. Without, a frame is forgotten when made.
//
// Pure: told the time, never yields, throws std::bad_alloc only.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <queue>
#include <vector>

#include "daemon/sim/device.h"
#include "daemon/sim/protocol.h"
#include "daemon/sim/random.h"
#include "daemon/sim/tally.h"
#include "greenrt/deadline.h"
#include "ingest/bytes.h"

namespace hilera::sim {

// The first try is repeated after `first`, the second after twice that, and so on up to `longest`. Each wait is made
// longer by a random part of it, at most `jitter`, so that devices do not fall into step.
struct ResendPolicy {
  greenrt::Duration first = std::chrono::milliseconds(200);
  greenrt::Duration longest = std::chrono::seconds(5);
  double jitter = 0.25;
};

struct FleetOptions {
  std::size_t devices = 1;
  std::size_t window = 1;
  std::uint64_t seed = 1;
  bool acks = true;
  ResendPolicy resend;
};

// A datagram to be sent. The bytes are valid until the fleet's next call.
struct Transmission {
  std::size_t device = 0;
  ingest::Bytes bytes;
};

class Fleet {
 public:
  using TimePoint = greenrt::Clock::time_point;

  // `protocol` and `tally` must outlive the fleet, which counts there all but what becomes of datagrams.
  Fleet(Protocol& protocol, const FleetOptions& options, Tally& tally);

  // Whether some device may make a frame.
  [[nodiscard]] bool has_room() const { return !turns_.empty(); }

  // The device whose turn it is. Only when there is room.
  [[nodiscard]] const Device& next() const { return devices_[turns_.front()]; }

  // The next frame of the device whose turn it is. None when every window is full.
  std::optional<Transmission> make_frame(TimePoint now, WallTime wall);

  // A frame that is to be sent again by now. None when there is none.
  std::optional<Transmission> resend(TimePoint now);

  // When resend() is worth the next call: never later than the next frame is to be sent again, perhaps sooner.
  [[nodiscard]] std::optional<TimePoint> next_resend() const;

  // Takes an answer; returns the frame's bytes if this is its acknowledgement.
  std::optional<ingest::Bytes> acknowledge(const Answer& answer, TimePoint now);

 private:
  // A frame that waits for its acknowledgement, or room for one.
  struct Slot {
    std::vector<std::byte> bytes;
    std::uint64_t number = 0;
    std::size_t device = 0;
    std::size_t records = 0;
    bool open = false;
    bool queued = false;  // in resends_, at queued_at
    unsigned transmissions = 0;
    TimePoint first_sent;
    TimePoint due;
    TimePoint queued_at;
  };
  // A slot has one entry that counts: the one whose time is the slot's queued_at. It need not be as late as the slot's
  // `due`, so a slot that is used again and again is not queued again and again.
  struct Resend {
    TimePoint when;
    std::size_t slot;
    friend bool operator>(const Resend& a, const Resend& b) { return a.when > b.when; }
  };

  Slot& slot_of(std::size_t device, std::uint64_t number) { return slots_[device * window_ + number % window_]; }
  std::optional<std::uint64_t> number_of(const Answer& answer) const;
  void take_turn_if_room(std::size_t device);
  void sent(Slot& slot, TimePoint now);
  void queue(Slot& slot);

  Protocol& protocol_;
  Tally& tally_;
  std::size_t window_;
  bool acks_;
  ResendPolicy policy_;
  Random random_;
  std::vector<Device> devices_;
  std::vector<bool> has_turn_;
  std::deque<std::size_t> turns_;  // devices that may make a frame
  std::vector<Slot> slots_;        // window_ for each device
  std::vector<std::byte> scratch_;
  std::priority_queue<Resend, std::vector<Resend>, std::greater<>> resends_;
};

}  // namespace hilera::sim
