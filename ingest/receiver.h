// Receiver: the greenlet that takes datagrams from one listener's socket and hands them to the pipeline.
//
// Receives in batches; after each batch, and before the next look at the socket, the frames that it started get their
// first turn. So a socket that never runs empty starves nobody, and a batch's stacks are used again while they are
// warm. A receive error is counted and reported, and never ends it.

#pragma once

#include <cstddef>
#include <system_error>

#include "greenrt/udp_socket.h"
#include "ingest/arrival_clock.h"
#include "ingest/frame_pipeline.h"
#include "ingest/listener.h"
#include "ingest/reporter.h"

namespace ingest {

class Receiver {
 public:
  static constexpr std::size_t kBatch = 64;  // datagrams a system call

  // All of them must outlive it.
  Receiver(Listener& listener, FramePipeline& pipeline, ArrivalClock& arrivals, Reporter& reporter);

  // Receives until it is killed.
  [[noreturn]] void run();

  // For an orderly end, after run() has ended: one batch of what is in the socket already. take_waiting() hands it to
  // the pipeline; turn_away_waiting() only counts it, as received and dropped. False when the socket is empty, or after
  // a receive error. Never yield.
  bool take_waiting();
  bool turn_away_waiting();

 private:
  bool receive_waiting();
  void hand_over();
  void note_failure(const std::system_error& error);

  Listener& listener_;
  FramePipeline& pipeline_;
  ArrivalClock& arrivals_;
  Reporter& reporter_;
  greenrt::ReceiveBatch batch_;
};

}  // namespace ingest
