// Replies: the outgoing side of a listener's socket. Acknowledgements are collected while frames end, and sent
// together.
//
// Natural batching, without a timer: the sending greenlet becomes ready with the first reply and so runs after the
// frames that are ready already. Bounded: who adds to a full batch waits for room. Runs a greenlet of its own from
// construction to stop().

#pragma once

#include <cstddef>
#include <memory>

#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "greenrt/semaphore.h"
#include "greenrt/udp_socket.h"
#include "ingest/bytes.h"
#include "ingest/counters.h"

namespace ingest {

class Replies {
 public:
  // Both must outlive it.
  Replies(greenrt::UdpSocket& socket, ListenerCounters& counters);
  ~Replies();
  Replies(const Replies&) = delete;
  Replies& operator=(const Replies&) = delete;

  // Hands over an acknowledgement, which is copied. Yields only while the batch is full. What the kernel refuses, and
  // what comes after stop(), is counted as failed: the device asks again.
  void acknowledge(Bytes bytes, const greenrt::UdpPath& path);

  // Sends one datagram at once; yields while the socket is busy. 0, or the errno with which the kernel refused it:
  // EAGAIN at the deadline. Its turn behind a batch of acknowledgements, a second at most, is waited for in any case.
  [[nodiscard]] int send(Bytes bytes, const greenrt::UdpPath& path, greenrt::Deadline deadline);

  // Yields until all that was handed over is sent (true) or until the deadline (false).
  bool flush(greenrt::Deadline deadline);

  // Ends the greenlet; what is not sent by then has failed. Idempotent. Call flush() first.
  void stop();

 private:
  void run();
  greenrt::UdpSocket::SendResult send_batch(greenrt::SendBatch& batch, greenrt::Deadline deadline);
  [[nodiscard]] bool idle() const { return filling_->empty() && sending_->empty(); }

  greenrt::UdpSocket& socket_;
  ListenerCounters& counters_;
  std::unique_ptr<greenrt::SendBatch> filling_;
  std::unique_ptr<greenrt::SendBatch> sending_;
  greenrt::Event work_;
  greenrt::Event room_;
  greenrt::Event sent_;
  greenrt::Semaphore socket_use_;
  greenrt::GreenletRef sender_;
};

}  // namespace ingest
