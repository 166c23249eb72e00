// Replay: sends the datagrams of a capture to a collector, as they were sent when they were captured: with the pauses
// between them, each source from a socket of its own, so that the collector sees as many peers.
//
// One greenlet sends (run()'s), one per socket counts what is answered. Needs a running hub from construction on.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/capture/captured.h"
#include "greenrt/deadline.h"
#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "greenrt/udp_socket.h"

namespace hilera::sim {

struct ReplayOptions {
  greenrt::SocketAddress target;
  double speed = 1;                                  // times as fast as it was captured; 0: as fast as possible
  std::optional<std::uint16_t> port;                 // only what was sent to this one
  greenrt::Duration wait = std::chrono::seconds(1);  // for answers, after the last one
};

struct ReplayTally {
  std::uint64_t sent = 0;
  std::uint64_t send_failed = 0;  // refused by the kernel
  std::uint64_t answers = 0;      // datagrams that came back
  std::uint64_t other_ports = 0;  // not sent, because of ReplayOptions::port
  std::uint64_t sources = 0;      // different ones
};

class Replay {
 public:
  static constexpr std::size_t kMaxSockets = 512;  // more sources share them

  // `reader` must outlive it.
  Replay(capture::Reader& reader, const ReplayOptions& options);
  ~Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  // Yields, until everything is sent and the time for answers is over. Throws capture::CaptureError, and
  // std::system_error when there are no sockets.
  void run();

  // Ends run() soon. From anywhere in the hub.
  void stop() { stop_.set(); }

  [[nodiscard]] const ReplayTally& tally() const { return tally_; }

 private:
  struct Socket;

  Socket& socket_of(const capture::Captured& captured);
  // False when it is to end.
  bool wait_for_turn(const capture::Captured& captured);
  void send(const capture::Captured& captured);

  capture::Reader& reader_;
  ReplayOptions options_;
  greenrt::Event stop_;
  std::optional<capture::Time> first_;
  greenrt::Clock::time_point began_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::map<std::string, std::size_t> sources_;  // -> its number
  ReplayTally tally_;
};

}  // namespace hilera::sim
