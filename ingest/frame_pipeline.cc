#include "ingest/frame_pipeline.h"

#include <cassert>
#include <new>
#include <optional>
#include <utility>

#include "greenrt/hub.h"

namespace ingest {
namespace {

constexpr std::size_t kSpareDecoded = 256;

}  // namespace

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

  void run() override {
    began = true;
    pipeline.process(*this);
  }

  enum class End : std::uint8_t { kAccepted, kControl, kRejected, kDropped };

  [[nodiscard]] DropReason why_dropped() const {
    if (drop_reason) return *drop_reason;
    if (!failed()) return DropReason::kShutdown;  // killed
    return began ? DropReason::kInternalError : DropReason::kOutOfMemory;
  }

  FramePipeline& pipeline;
  Admission::Ticket ticket;
  Datagram datagram;
  End end = End::kDropped;
  std::optional<DropReason> drop_reason;  // none when its greenlet was ended from outside, or could not begin
  std::string_view reject_reason;
  bool began = false;
};

FramePipeline::FramePipeline(const PipelineOptions& options, Store& store, DeviceTable& devices, Reporter& reporter)
    : options_(options),
      store_(store),
      devices_(devices),
      reporter_(reporter),
      admission_(options.limits),
      frames_(std::make_unique<Frames>()) {
  spare_decoded_.reserve(kSpareDecoded);
}

FramePipeline::~FramePipeline() {
  assert(counters_.in_flight == 0);
}

void FramePipeline::submit(Listener& listener, std::int64_t arrival, greenrt::Clock::time_point received,
                           const greenrt::UdpPath& path, Bytes bytes) noexcept {
  try {
    if (!greenrt::Hub::current().has_room()) return counters_.drop(DropReason::kGreenletLimit);
    auto [ticket, refusal] = admission_.admit(path.peer, listener.codec().peek_serial(bytes));
    if (!ticket) return counters_.drop(refusal);
    const greenrt::Ref<Frame> frame(
        new Frame(*this, std::move(*ticket),
                  {&listener.origin(), &listener, arrival, received, path, {bytes.begin(), bytes.end()}}));
    ++counters_.in_flight;
    frame->start();
  } catch (const std::bad_alloc&) {
    counters_.drop(DropReason::kOutOfMemory);
  }
}

std::unique_ptr<Decoded> FramePipeline::take_decoded() {
  if (spare_decoded_.empty()) return std::make_unique<Decoded>();
  auto decoded = std::move(spare_decoded_.back());
  spare_decoded_.pop_back();
  return decoded;
}

void FramePipeline::give_back(std::unique_ptr<Decoded> decoded) {
  if (spare_decoded_.size() < kSpareDecoded) spare_decoded_.push_back(std::move(decoded));
}

void FramePipeline::process(Frame& frame) {
  const std::string& listener = frame.datagram.listener->name();
  // What has happened to a datagram stands: one that is in custody is accepted, even if its acknowledgement fails.
  const auto failed = [&](DropReason reason, std::string_view event, const std::exception& error) {
    if (frame.end == Frame::End::kDropped) frame.drop_reason = reason;
    reporter_.warn(event, listener, error.what());
  };
  try {
    auto decoded = take_decoded();
    decode(frame, *decoded);
    give_back(std::move(decoded));
  } catch (const StoreUnavailable& error) {
    failed(DropReason::kStoreUnavailable, "frame_not_stored", error);
  } catch (const std::bad_alloc& error) {
    failed(DropReason::kOutOfMemory, "frame_failed", error);
  } catch (const std::exception& error) {
    failed(DropReason::kInternalError, "frame_failed", error);
  }
}

void FramePipeline::decode(Frame& frame, Decoded& decoded) {
  const Datagram& datagram = frame.datagram;
  datagram.listener->codec().decode(datagram.bytes, decoded);
  switch (decoded.verdict) {
    case Verdict::kRejected:
      frame.end = Frame::End::kRejected;
      frame.reject_reason = decoded.reason;
      break;
    case Verdict::kControl:
      frame.end = Frame::End::kControl;
      heard(datagram, decoded);
      break;
    case Verdict::kRecords:
      store(frame, decoded);
      break;
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
  heard(datagram, decoded);
  if (decoded.ack_wanted) acknowledge(datagram, decoded, result.ack_status());
}

void FramePipeline::heard(const Datagram& datagram, const Decoded& decoded) {
  if (!decoded.updates_path) return;
  devices_.heard(decoded.nserie, *datagram.listener, datagram.path, datagram.arrival);
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
      counters_.drop(frame.why_dropped());
      break;
  }
  ++counters_.ended;
  if (--counters_.in_flight == 0) idle_.set();
}

bool FramePipeline::wait_idle(greenrt::Deadline deadline) {
  while (counters_.in_flight > 0) {
    idle_.clear();
    if (!idle_.wait(deadline)) return counters_.in_flight == 0;
  }
  return true;
}

void FramePipeline::abandon() {
  for (Frame& frame : *frames_)
    frame.kill_soon();
  wait_idle(greenrt::Deadline::never());
}

}  // namespace ingest
