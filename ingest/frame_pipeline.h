// FramePipeline: the path of a frame, from a received datagram to its acknowledgement.
//
//   admission -> [ greenlet: decode -> place in the chain of its nserie -> predecessor is stored -> store -> ack ]
//
// One greenlet a datagram. Decoding and taking the place happen before the greenlet first yields, and greenlets start
// in the order of arrival, so the frames of a device stand in the order of arrival. A frame leaves its chain once it is
// stored; acknowledgements need no order.
//
// Every datagram that is submitted ends in exactly one counter, whatever is thrown on its way.

#pragma once

#include <boost/intrusive/list.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "ingest/admission.h"
#include "ingest/counters.h"
#include "ingest/datagram.h"
#include "ingest/device_table.h"
#include "ingest/listener.h"
#include "ingest/reporter.h"
#include "ingest/serial_chain.h"
#include "ingest/store.h"

namespace ingest {

struct PipelineOptions {
  Admission::Limits limits;
  greenrt::Duration store_deadline = std::chrono::seconds(10);  // from arrival; a frame not stored by then is dropped
};

class FramePipeline {
 public:
  // All of them must outlive it.
  FramePipeline(const PipelineOptions& options, Store& store, DeviceTable& devices, Reporter& reporter);
  // No frame may be in flight: see wait_idle() and abandon().
  ~FramePipeline();
  FramePipeline(const FramePipeline&) = delete;
  FramePipeline& operator=(const FramePipeline&) = delete;

  // Takes over a datagram that a listener has received and counted: starts its greenlet, or drops it at a limit, which
  // is checked before anything is allocated. `bytes` is copied. Never yields, never throws.
  void submit(Listener& listener, std::int64_t arrival, greenrt::Clock::time_point received,
              const greenrt::UdpPath& path, Bytes bytes) noexcept;

  // Counts a datagram that came after the end as dropped (shutdown). Never yields, never throws.
  void turn_away() noexcept { counters_.drop(DropReason::kShutdown); }

  // Yields until no datagram is in flight (true) or until the deadline (false).
  bool wait_idle(greenrt::Deadline deadline);

  // Ends the frames that are in flight, counted as dropped (shutdown). Yields until they have ended.
  void abandon();

  [[nodiscard]] const PipelineCounters& counters() const { return counters_; }

  // Devices with a frame in their chain.
  [[nodiscard]] std::size_t devices_in_flight() const { return chain_.devices(); }

 private:
  class Frame;
  using Frames = boost::intrusive::list<Frame, boost::intrusive::constant_time_size<false>>;
  using DecodedPool = std::vector<std::unique_ptr<Decoded>>;

  std::unique_ptr<Decoded> take_decoded();
  void give_back(std::unique_ptr<Decoded> decoded);
  void process(Frame& frame);
  void decode(Frame& frame, Decoded& decoded);
  void store(Frame& frame, const Decoded& decoded);
  void heard(const Datagram& datagram, const Decoded& decoded);
  void acknowledge(const Datagram& datagram, const Decoded& decoded, AckStatus status);
  void ended(const Frame& frame) noexcept;

  PipelineOptions options_;
  Store& store_;
  DeviceTable& devices_;
  Reporter& reporter_;
  Admission admission_;
  SerialChain chain_;
  PipelineCounters counters_;
  DecodedPool spare_decoded_;  // so that decoding does not allocate; its capacity is its bound
  std::unique_ptr<Frames> frames_;
  greenrt::Event idle_;
};

}  // namespace ingest
