// Intake: everything between the sockets and custody, made from the configuration: listeners, receivers, the pipeline
// of frames, and the table of devices.
//
// Life: constructed (all sockets bound), start(), then for an orderly end stop_receiving(), finish() and turn_away(),
// in this order. Between, listeners may come and go: a listener that goes takes what its socket holds, for a second at
// most, and closes it when the last of its frames has ended.

#pragma once

#include <chrono>
#include <memory>
#include <string>
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
  // What fits none is logged.
  // No stamp of arrival is at or below `last_arrival`. The others must outlive it.
  Intake(const Config& config, ingest::Custody& custody, ingest::Reporter& reporter, std::int64_t last_arrival = 0,
         HandedSockets sockets = {});
  // Without an orderly end before, what is in flight is dropped. Yields.
  ~Intake();
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  // Whom each of the listeners believes. Blocks on files; may run on any thread. Throws TrustFileError.
  static std::vector<ingest::Trust> load_trusts(const std::vector<ListenerConfig>& listeners);

  // In two steps. The first one binds what `config` has more listeners than there are, and throws std::runtime_error
  // when that, or the end of one, is impossible: nothing has changed then. The second one cannot fail: it changes limits
  // and whom the listeners believe, and begins and ends listeners. `trusts` in the order of the configuration; what else
  // that says of a listener which stays must be as it was. Neither yields.
  using Listeners = std::vector<std::unique_ptr<ingest::Listener>>;
  [[nodiscard]] Listeners prepare(const Config& config, const std::vector<ingest::Trust>& trusts) const;
  void configure(const Config& config, const std::vector<ingest::Trust>& trusts, Listeners added);

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
  void set_has_addressee(ingest::FramePipeline::HasAddressee has) { pipeline_.set_has_addressee(std::move(has)); }
  void set_on_heard(ingest::FramePipeline::OnHeard on_heard) { pipeline_.set_on_heard(std::move(on_heard)); }

  // All that there were; those that are no more are retired().
  [[nodiscard]] const Listeners& listeners() const { return listeners_; }
  [[nodiscard]] const ingest::PipelineCounters& counters() const { return pipeline_.counters(); }
  [[nodiscard]] const ingest::DeviceTable& devices() const { return devices_; }
  [[nodiscard]] ingest::DeviceTable& devices() { return devices_; }
  [[nodiscard]] bool receiving() const { return receiving_; }
  // Sockets that were handed over and fit no listener, so that nobody reads them: which, and why.
  [[nodiscard]] const std::vector<std::string>& misfits() const { return misfits_; }
  // Whether somebody else holds the socket of the listener of that index, too, and has given it its buffer.
  [[nodiscard]] bool handed_over(std::size_t index) const { return !receptions_[index].own_socket; }
  // The greenlet that receives for the listener of that index; none when it should not.
  [[nodiscard]] const greenrt::GreenletRef& receiver_of(std::size_t index) const { return receptions_[index].greenlet; }
  // What a frame takes at most.
  [[nodiscard]] greenrt::Duration frame_limit() const { return frame_limit_; }
  [[nodiscard]] IntakeLedger ledger() const;

 private:
  // Of the listener of the same index.
  struct Reception {
    std::unique_ptr<ingest::Receiver> receiver;
    bool own_socket = true;            // which ends with us
    greenrt::GreenletRef greenlet{};   // none: it does not receive
    greenrt::GreenletRef retiring{};   // while it ends
  };

  void add(std::unique_ptr<ingest::Listener> listener, bool own_socket);
  void receive(std::size_t index);
  void retire(std::size_t index);
  void end(std::size_t index);
  void empty_sockets(bool (ingest::Receiver::*take)(), greenrt::Deadline deadline);
  [[nodiscard]] std::vector<greenrt::GreenletRef> take_greenlets(greenrt::GreenletRef Reception::*member);

  greenrt::Duration frame_limit_;
  ingest::Reporter& reporter_;
  ingest::DeviceTable devices_;
  ingest::FramePipeline pipeline_;
  ingest::ArrivalClock arrivals_;
  Listeners listeners_;
  std::vector<Reception> receptions_;
  std::vector<std::string> misfits_;
  bool receiving_ = false;
};

}  // namespace hilera
