// Intake: everything between the sockets and custody, made from the configuration: listeners, receivers, the pipeline
// of frames, and the table of devices.
//
// Life: constructed (all sockets bound), start(), then for an orderly end stop_receiving(), finish() and turn_away(),
// in this order.

#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "daemon/config.h"
#include "daemon/handed_sockets.h"
#include "daemon/ledger.h"
#include "greenrt/greenlet.h"
#include "ingest/arrival_clock.h"
#include "ingest/custody.h"
#include "ingest/device_table.h"
#include "ingest/frame_pipeline.h"
#include "ingest/listener.h"
#include "ingest/receiver.h"
#include "ingest/reporter.h"

namespace hilera {

class Intake {
 public:
  // Takes over the assigned ones of `sockets` and binds the others. Throws std::runtime_error that names the listener.
  // No stamp of arrival is at or below `last_arrival`. The others must outlive it.
  Intake(const Config& config, ingest::Custody& custody, ingest::Reporter& reporter, std::int64_t last_arrival = 0,
         HandedSockets sockets = {});
  // Without an orderly end before, what is in flight is dropped. Yields.
  ~Intake();
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  // Whom each of the listeners believes. Blocks on files; may run on any thread. Throws TrustFileError.
  static std::vector<ingest::Trust> load_trusts(const std::vector<ListenerConfig>& listeners);

  // Changes limits and whom the listeners believe, `trusts` in their order. What else the configuration says of
  // listeners must be as it was. Never yields.
  void configure(const Config& config, std::vector<ingest::Trust> trusts);

  // Starts to receive. Never yields.
  void start();

  // Ends the receivers, then takes what the sockets still hold, until they are empty or the deadline has passed. In
  // turns, so that one that never runs empty takes no time from the others. What a handed socket holds belongs to the
  // successor. Yields.
  void stop_receiving(greenrt::Deadline deadline);

  // Waits for the frames in flight, and for their acknowledgements to be sent; at the deadline, what is left is dropped
  // and counted. Yields.
  void finish(greenrt::Deadline deadline);

  // The last thing: counts what has come meanwhile and nobody will take, until the sockets are empty or the deadline
  // has passed; handed sockets are left alone again. Yields.
  void turn_away(greenrt::Deadline deadline);

  // Drops the frames in flight at once: finish() has nothing to wait for then. Yields.
  void abandon() { pipeline_.abandon(); }

  void set_on_answer(ingest::FramePipeline::OnAnswer on_answer) { pipeline_.set_on_answer(std::move(on_answer)); }

  void set_addressee(ingest::FramePipeline::Addressee addressee) { pipeline_.set_addressee(std::move(addressee)); }
  void set_on_heard(ingest::FramePipeline::OnHeard on_heard) { pipeline_.set_on_heard(std::move(on_heard)); }

  using Listeners = std::vector<std::unique_ptr<ingest::Listener>>;
  [[nodiscard]] const Listeners& listeners() const { return listeners_; }
  [[nodiscard]] const ingest::PipelineCounters& counters() const { return pipeline_.counters(); }
  [[nodiscard]] const ingest::DeviceTable& devices() const { return devices_; }
  [[nodiscard]] ingest::DeviceTable& devices() { return devices_; }
  [[nodiscard]] bool receiving() const { return !receiver_greenlets_.empty(); }
  [[nodiscard]] const std::vector<greenrt::GreenletRef>& receivers() const { return receiver_greenlets_; }
  [[nodiscard]] IntakeLedger ledger() const;

 private:
  void empty_sockets(bool (ingest::Receiver::*take)(), greenrt::Deadline deadline);

  ingest::DeviceTable devices_;
  ingest::FramePipeline pipeline_;
  ingest::ArrivalClock arrivals_;
  Listeners listeners_;
  std::vector<std::unique_ptr<ingest::Receiver>> receivers_;
  std::vector<ingest::Receiver*> of_own_sockets_;  // whose sockets end with us
  std::vector<greenrt::GreenletRef> receiver_greenlets_;
};

}  // namespace hilera
