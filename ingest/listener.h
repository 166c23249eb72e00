// Listener: one UDP socket with the codec of its devices, its counters, and its outgoing side.
//
// One that is not wanted any more is retired: nothing is sent from it on its own, and when its last frame has ended it
// is closed. Its counters stay, and so does the object, to which devices and frames refer.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "greenrt/deadline.h"
#include "greenrt/event.h"
#include "greenrt/udp_socket.h"
#include "ingest/codec.h"
#include "ingest/counters.h"
#include "ingest/origin.h"
#include "ingest/prefix_rate.h"
#include "ingest/replies.h"
#include "ingest/trust.h"

namespace ingest {

// Added by the receiver to the reasons of the codec: longer than what the codec accepts.
inline constexpr std::string_view kOversize = "oversize";

class Listener {
 public:
  // `codec` must outlive it. Starts a greenlet for the replies: see replies.h.
  Listener(std::string name, const Codec& codec, greenrt::UdpSocket socket, bool store_raw, Trust trust = {},
           greenrt::Duration reply_window = greenrt::Duration::zero());

  [[nodiscard]] const std::string& name() const { return origin_->listener; }
  [[nodiscard]] const Codec& codec() const { return *origin_->codec; }
  // Shared with whoever keeps datagrams for longer than the listener lives.
  [[nodiscard]] const std::shared_ptr<const Origin>& origin() const { return origin_; }
  [[nodiscard]] const Trust& trust() const { return trust_; }
  // From the next datagram on. `guarded` must be as before.
  void set_trust(Trust trust) { trust_ = std::move(trust); }
  // What it takes from one network. Off until its options are set.
  [[nodiscard]] PrefixRate& prefix_rate() { return prefix_rate_; }
  // How long after a device was heard it is sent to; zero: for ever.
  [[nodiscard]] greenrt::Duration reply_window() const { return reply_window_; }
  [[nodiscard]] greenrt::UdpSocket& socket() { return socket_; }
  [[nodiscard]] const greenrt::UdpSocket& socket() const { return socket_; }
  [[nodiscard]] ListenerCounters& counters() { return counters_; }
  [[nodiscard]] const ListenerCounters& counters() const { return counters_; }
  [[nodiscard]] Replies& replies() { return replies_; }

  // For the pipeline: a frame of it is in flight, or has ended.
  void frame_began() { ++frames_; }
  void frame_ended() {
    if (--frames_ == 0) idle_.set();
  }
  // Yields until no frame of it is in flight (true) or until the deadline (false).
  bool wait_idle(greenrt::Deadline deadline);

  void retire() { retired_ = true; }
  [[nodiscard]] bool retired() const { return retired_; }
  // Yields. What is not sent by then has failed. Nobody may receive from it. Idempotent.
  void close();
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  std::shared_ptr<const Origin> origin_;
  Trust trust_;
  PrefixRate prefix_rate_;
  greenrt::Duration reply_window_;
  greenrt::UdpSocket socket_;
  ListenerCounters counters_;
  Replies replies_;
  std::size_t frames_ = 0;  // in flight
  greenrt::Event idle_;
  bool retired_ = false;
  bool closed_ = false;
};

}  // namespace ingest
