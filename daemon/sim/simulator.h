// Simulator: a fleet of devices at work: makes frames at a rate, sends them, sends again what is not acknowledged, and
// at the end waits for the last acknowledgements.
//
// One greenlet sends, one per socket receives; all of them are run()'s. Needs a running hub from construction on. The
// sockets are bound to the address that this host uses towards the target, on ports that the kernel chooses.

#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/sim/adversary.h"
#include "daemon/sim/fleet.h"
#include "daemon/sim/pacer.h"
#include "daemon/sim/protocol.h"
#include "daemon/sim/socket_plan.h"
#include "daemon/sim/tally.h"
#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "greenrt/socket_address.h"
#include "greenrt/udp_socket.h"
#include "ingest/bytes.h"

namespace hilera::sim {

struct SimulatorOptions {
  greenrt::SocketAddress target;
  std::string codec = "native";
  std::size_t devices = 100;
  double rate = 1000;                         // frames per second of all devices together; 0: as fast as possible
  std::optional<std::uint64_t> frames;        // after so many of them no more are made
  std::optional<greenrt::Duration> duration;  // nor after so long
  std::size_t window = 1;                     // frames that a device may have unacknowledged
  greenrt::Duration wait_acks = std::chrono::seconds(30);  // at the end; also for the next one when no time is set
  std::uint64_t seed = 1;
  bool acks = true;
  std::uint32_t epoch = 0;                      // see ProtocolOptions
  std::shared_ptr<const ingest::KeyRing> keys;  // see ProtocolOptions
  std::uint8_t key_id = 0;
  AdversaryOptions adversary;
  ResendPolicy resend;
};

class Simulator {
 public:
  // Called with each frame that was acknowledged, once. Must not yield.
  using AckedHandler = std::function<void(ingest::Bytes frame)>;

  // Throws std::invalid_argument when there is no such codec, and std::system_error when sockets cannot be had.
  explicit Simulator(const SimulatorOptions& options, AckedHandler on_acked = {});
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  // Yields until the end. Throws std::system_error when a socket is broken.
  void run();

  // The first call ends the making of frames, the second one the waiting for acknowledgements, too. Never yields.
  void stop();

  [[nodiscard]] const Tally& tally() const { return tally_; }
  [[nodiscard]] greenrt::Duration elapsed() const;

 private:
  enum class Phase { kMaking, kWaiting, kDone };
  struct Port {
    Port(std::size_t its_number, greenrt::UdpSocket its_socket, std::size_t batch_size)
        : number(its_number), socket(std::move(its_socket)), batch(batch_size) {}
    std::size_t number;
    greenrt::UdpSocket socket;
    greenrt::SendBatch batch;
  };
  struct Reply {
    std::size_t port;
    std::vector<std::byte> bytes;
  };
  using TimePoint = greenrt::Clock::time_point;

  void open_ports();
  void send_until_done();
  void advance(TimePoint now);
  [[nodiscard]] bool making_is_over(TimePoint now) const;
  [[nodiscard]] bool stalled(TimePoint now) const;
  bool make_frames(TimePoint now);
  void keep_alive(const Device& device, WallTime now);
  void resend_frames(TimePoint now);
  void send_replies();
  void send(std::size_t port, ingest::Bytes frame);
  void add(std::size_t port, ingest::Bytes bytes);
  void flush(Port& port);
  [[nodiscard]] greenrt::Deadline next_step() const;
  void receive(Port& port);
  void take(const Port& port, ingest::Bytes datagram);

  SimulatorOptions options_;
  AckedHandler on_acked_;
  std::unique_ptr<Protocol> protocol_;
  SocketPlan plan_;
  Tally tally_;
  Fleet fleet_;
  Adversary adversary_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::deque<Reply> replies_;
  std::vector<std::byte> keep_alive_;
  Phase phase_ = Phase::kMaking;
  unsigned stops_ = 0;
  TimePoint begun_;
  TimePoint ended_;
  TimePoint last_progress_;  // a frame was made or acknowledged
  TimePoint give_up_at_;
  Pacer pacer_;
  greenrt::Event news_;  // wakes the sender
};

}  // namespace hilera::sim
