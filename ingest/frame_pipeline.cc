#include "ingest/frame_pipeline.h"

#include <cassert>
#include <new>
#include <optional>
#include <utility>

#include "greenrt/hub.h"

namespace ingest {

// The greenlet of one datagram. Its end is counted when it is destroyed, so that one that never ran is counted, too.
class FramePipeline::Frame final : public greenrt::Greenlet, public boost::intrusive::list_base_hook<> {
 public:
  Frame(FramePipeline& its_pipeline, Admission::Ticket its_ticket, Datagram its_datagram)
      : pipeline(its_pipeline), ticket(std::move(its_ticket)), datagram(std::move(its_datagram)) {
    pipeline.frames_->push_back(*this);
  }
  ~Frame() override {
    pipeline.frames_->erase(pipeline.frames_->iterator_to(*this));
    pipeline.ended(*this);
  }

  void run() override { pipeline.process(*this); }

  enum class End : std::uint8_t { kAccepted, kControl, kRejected, kDropped };

  FramePipeline& pipeline;
  Admission::Ticket ticket;
  Datagram datagram;
  End end = End::kDropped;
  DropReason drop_reason = DropReason::kShutdown;  // of a frame that was killed
  std::string_view reject_reason;
};

FramePipeline::FramePipeline(const PipelineOptions& options, Store& store, DeviceTable& devices, Reporter& reporter)
    : options_(options),
      store_(store),
      devices_(devices),
      reporter_(reporter),
      admission_(options.limits),
      frames_(std::make_unique<Frames>()) {
  idle_.set();
}

FramePipeline::~FramePipeline() {
  assert(counters_.in_flight == 0);
}

void FramePipeline::submit(Listener& listener, std::int64_t arrival, greenrt::Clock::time_point received,
                           const greenrt::UdpPath& path, Bytes bytes) noexcept {
  try {
    auto [ticket, refusal] = admission_.admit(path.peer, listener.codec().peek_serial(bytes));
    if (!ticket) return counters_.drop(refusal);
    if (!greenrt::Hub::current().has_room()) return counters_.drop(DropReason::kGreenletLimit);
    const greenrt::Ref<Frame> frame(
        new Frame(*this, std::move(*ticket), {&listener, arrival, received, path, {bytes.begin(), bytes.end()}}));
    ++counters_.in_flight;
    idle_.clear();
    frame->start();
  } catch (const std::bad_alloc&) {
    counters_.drop(DropReason::kOutOfMemory);
  }
}

void FramePipeline::process(Frame& frame) {
  const auto drop = [&](DropReason reason) {
    frame.end = Frame::End::kDropped;
    frame.drop_reason = reason;
  };
  const Datagram& datagram = frame.datagram;
  try {
    auto decoded = spare_decoded_.empty() ? std::make_unique<Decoded>() : std::move(spare_decoded_.back());
    if (!spare_decoded_.empty()) spare_decoded_.pop_back();
    datagram.listener->codec().decode(datagram.bytes, *decoded);
    switch (decoded->verdict) {
      case Verdict::kRejected:
        frame.end = Frame::End::kRejected;
        frame.reject_reason = decoded->reason;
        break;
      case Verdict::kControl:
        frame.end = Frame::End::kControl;
        break;
      case Verdict::kRecords:
        store(frame, *decoded);
        break;
    }
    spare_decoded_.push_back(std::move(decoded));
  } catch (const StoreUnavailable& error) {
    drop(DropReason::kStoreUnavailable);
    reporter_.warn("frame_not_stored", datagram.listener->name(), error.what());
  } catch (const std::bad_alloc&) {
    drop(DropReason::kOutOfMemory);
  } catch (const std::exception& error) {
    drop(DropReason::kInternalError);
    reporter_.warn("frame_failed", datagram.listener->name(), error.what());
  }
}

void FramePipeline::store(Frame& frame, const Decoded& decoded) {
  const Datagram& datagram = frame.datagram;
  const auto deadline = greenrt::Deadline::at(datagram.received + options_.store_deadline);

  SerialChain::Place place(chain_, decoded.nserie);
  if (!place.wait_turn(deadline)) throw StoreUnavailable("the frames before it took all of its time");
  const StoreResult result = store_.store(datagram, decoded, deadline);
  place.leave();

  frame.end = Frame::End::kAccepted;
  counters_.records_accepted += decoded.records.size();
  counters_.records_stored += result.stored;
  counters_.records_duplicate += result.duplicate;
  counters_.records_dead_lettered += result.dead_lettered;
  counters_.store_seconds.observe(greenrt::Clock::now() - datagram.received);
  if (decoded.updates_path) devices_.heard(decoded.nserie, *datagram.listener, datagram.path, datagram.arrival);
  if (decoded.ack_wanted) acknowledge(datagram, decoded, result.ack_status());
}

void FramePipeline::acknowledge(const Datagram& datagram, const Decoded& decoded, AckStatus status) {
  Ack ack;
  datagram.listener->codec().make_ack(datagram.bytes, decoded, status, ack);
  if (ack.empty()) return;
  datagram.listener->replies().acknowledge(ack.bytes(), datagram.path);
  counters_.ack_seconds.observe(greenrt::Clock::now() - datagram.received);
}

void FramePipeline::ended(const Frame& frame) noexcept {
  ListenerCounters& listener = frame.datagram.listener->counters();
  switch (frame.end) {
    case Frame::End::kAccepted:
      ++listener.accepted;
      break;
    case Frame::End::kControl:
      ++listener.control;
      break;
    case Frame::End::kRejected:
      listener.rejected.add(frame.reject_reason);
      break;
    case Frame::End::kDropped:
      counters_.drop(frame.drop_reason);
      break;
  }
  if (--counters_.in_flight == 0) idle_.set();
}

bool FramePipeline::wait_idle(greenrt::Deadline deadline) {
  return idle_.wait(deadline);
}

void FramePipeline::abandon() {
  for (Frame& frame : *frames_)
    frame.kill_soon();
  wait_idle(greenrt::Deadline::never());
}

}  // namespace ingest
