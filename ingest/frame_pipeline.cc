#include "ingest/frame_pipeline.h"

#include <algorithm>
#include <cassert>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "greenrt/hub.h"
#include "ingest/keyed_hash.h"
#include "ingest/vetting.h"

namespace ingest {
namespace {

constexpr double kStrangersWait = 0.5;  // of the receive buffer
constexpr double kMovedOnesWait = 0.65;
constexpr std::uint64_t kEpochsOfALife = 1 << 16;  // a device that starts more often than that is more likely at fault

std::size_t offset_of(std::string_view part, Bytes whole) {
  return part.empty() ? 0 : static_cast<std::size_t>(part.data() - as_text(whole).data());
}

}  // namespace

// The greenlet of one datagram. Its end is counted when it is destroyed, so that one that never ran is counted, too.
class FramePipeline::Frame final : public greenrt::Greenlet, public boost::intrusive::list_base_hook<> {
 public:
  Frame(FramePipeline& its_pipeline, Admission::Ticket its_ticket, EntryRef its_entry, const Claim& its_claim)
      : pipeline(its_pipeline), ticket(std::move(its_ticket)), entry(std::move(its_entry)), claim(its_claim) {
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

  enum class End : std::uint8_t { kControl, kRejected, kAcceptedOrDropped };

  [[nodiscard]] DropReason why_dropped() const {
    if (drop_reason) return *drop_reason;
    if (!failed()) return DropReason::kShutdown;  // killed
    return began ? DropReason::kInternalError : DropReason::kOutOfMemory;
  }

  FramePipeline& pipeline;
  Admission::Ticket ticket;
  EntryRef entry;
  Claim claim;                            // into the entry's own bytes
  End end = End::kAcceptedOrDropped;      // by whether its entry is durable
  std::optional<DropReason> drop_reason;  // none when its greenlet was ended from outside, or could not begin
  bool began = false;
};

FramePipeline::FramePipeline(const PipelineOptions& options, Custody& custody, DeviceTable& devices, Reporter& reporter)
    : options_(options),
      custody_(custody),
      devices_(devices),
      reporter_(reporter),
      admission_(options.limits),
      frames_(std::make_unique<Frames>()),
      frame_kind_(greenrt::Hub::current().kind("frame")) {}

FramePipeline::~FramePipeline() {
  assert(counters_.in_flight == 0);
}

FramePipeline::Claim FramePipeline::look_ahead(const Listener& listener, Bytes bytes) const {
  const std::string_view serial = listener.codec().peek_serial(bytes);
  const Claim claim{.serial = serial, .hash = listener.codec().hash_of(serial)};
  devices_.fetch_bucket(claim.hash);
  return claim;
}

void FramePipeline::drop(Listener& listener, DropReason reason) noexcept {
  ++listener.counters().dropped;
  counters_.drop(reason);
}

void FramePipeline::submit(Listener& listener, const Arrival& arrival, const greenrt::UdpPath& path, Bytes bytes,
                           const Claim& claim) noexcept {
  try {
    if (!listener.prefix_rate().take(path.peer, arrival.received)) return drop(listener, DropReason::kPrefixRate);
    if (must_wait(listener, claim, path, arrival)) return drop(listener, DropReason::kStranger);
    if (!greenrt::Hub::current().has_room()) return drop(listener, DropReason::kGreenletLimit);
    auto [ticket, refusal] = admission_.admit(path.peer, claim.hash);
    if (!ticket) return drop(listener, refusal);
    devices_.fetch_device(claim.hash);
    EntryRef entry = Entry::make();
    Datagram& datagram = entry->datagram;
    datagram.origin = listener.origin().get();
    datagram.listener = &listener;
    datagram.arrival = arrival.stamp;
    datagram.received = arrival.received;
    datagram.path = path;
    datagram.bytes.assign(bytes.begin(), bytes.end());
    Claim own_claim = claim;
    own_claim.serial = as_text(Bytes(datagram.bytes)).substr(offset_of(claim.serial, bytes), claim.serial.size());
    const greenrt::Ref<Frame> frame(new Frame(*this, std::move(*ticket), std::move(entry), own_claim));
    ++counters_.in_flight;
    listener.frame_began();
    frame->set_kind(frame_kind_);
    frame->start();
  } catch (const std::bad_alloc&) {
    drop(listener, DropReason::kOutOfMemory);
  } catch (const std::exception& error) {
    drop(listener, DropReason::kInternalError);
    reporter_.warn("frame_not_started", listener.name(), error.what());
  }
}

// When more comes than can be looked at, what is known is served first: who was heard before at the same address and
// port, and, as long as that helps, at the same address. Whom the operator has named and nobody has heard so far is let
// through as long as that helps, then now and then. It costs an attacker less to send a datagram than it costs to find
// out what it is worth.
bool FramePipeline::must_wait(const Listener& listener, const Claim& claim, const greenrt::UdpPath& path,
                              const Arrival& arrival) {
  using Familiarity = DeviceTable::Familiarity;
  if (arrival.backlog < kStrangersWait) return false;
  if (claim.serial.empty()) return !has_addressee_ || !has_addressee_(listener, path.peer);
  const Codec& codec = listener.codec();
  const Familiarity familiarity = devices_.familiarity(claim.hash, path.peer);
  const bool pressing = arrival.backlog >= kMovedOnesWait;
  if (familiarity == Familiarity::kUnheard) {
    Codec::SerialRoom room;
    if (!listener.trust().names(codec.serial_of(claim.serial, room))) return true;
    return pressing && !first_chances_.take(claim.hash, arrival.received);
  }
  return familiarity < (pressing && codec.keeps_its_port() ? Familiarity::kSamePort : Familiarity::kSameHost);
}

void FramePipeline::process(Frame& frame) {
  const auto failed = [&](DropReason reason, std::string_view event, const std::exception& error) {
    frame.drop_reason = reason;
    reporter_.warn(event, frame.entry->datagram.origin->listener, error.what());
  };
  try {
    decode(frame);
  } catch (const CustodyRefused& error) {
    failed(error.reason(), "frame_not_taken", error);
  } catch (const std::bad_alloc& error) {
    failed(DropReason::kOutOfMemory, "frame_failed", error);
  } catch (const std::exception& error) {
    failed(DropReason::kInternalError, "frame_failed", error);
  }
}

void FramePipeline::decode(Frame& frame) {
  Entry& entry = *frame.entry;
  entry.datagram.origin->codec->decode(entry.datagram.bytes, entry.decoded);
  Decoded& decoded = entry.decoded;
  if (decoded.verdict == Verdict::kRejected) {
    frame.end = Frame::End::kRejected;
    return;
  }
  if (decoded.answer && decoded.nserie.empty()) name_answer(entry);
  const auto device = device_of(frame);
  const Vetted vetted =
      vet(entry.datagram.listener->trust(), *entry.datagram.origin->codec, entry.datagram, decoded, *device);
  if (!vetted.refusal.empty()) {
    decoded.reject(vetted.refusal);
    frame.end = Frame::End::kRejected;
    return;
  }
  believed(*device, entry);
  if (decoded.verdict == Verdict::kControl) {
    frame.end = Frame::End::kControl;
    heard(*device, entry);
    if (decoded.answer && on_answer_) on_answer_(decoded, *entry.datagram.origin);
    if (decoded.ack_wanted) acknowledge(entry, AckStatus::kStored);
  } else {
    store(frame, *device, vetted.number_used);
  }
}

// A used number alone does not tell a repetition from other content, which the database has to keep apart; of readings
// none of which is new nothing is stored, whatever they say. Whoever wants no acknowledgement sends nothing again;
// others may send it again in its name.
void FramePipeline::store(Frame& frame, Device& device, bool number_used) {
  const Entry& entry = *frame.entry;
  if (number_used && entry.decoded.counter == 0) return repeat(frame);
  const bool may_come_again = entry.decoded.ack_wanted || number_used;
  RecentDatagrams::Fingerprint fingerprint = 0;
  if (may_come_again) {
    fingerprint = RecentDatagrams::fingerprint(*entry.datagram.origin->codec, entry.datagram.bytes);
    switch (recent_.standing(fingerprint)) {
      case RecentDatagrams::Standing::kKept:
        heard(device, entry);
        return repeat(frame);
      case RecentDatagrams::Standing::kUnderWay:
        frame.drop_reason = DropReason::kUnderWay;
        return;
      case RecentDatagrams::Standing::kNew:
        break;
    }
  }
  if (device.holds() > options_.in_flight_per_device) {
    frame.drop_reason = DropReason::kDeviceLimit;
    return;
  }
  keep(frame, device, may_come_again ? RecentDatagrams::Way(recent_, fingerprint) : RecentDatagrams::Way());
}

// It is vetted like one that names its device: it comes from where that was heard.
void FramePipeline::name_answer(Entry& entry) const {
  if (!addressee_) return;
  auto nserie = addressee_(*entry.datagram.listener, entry.datagram.path.peer);
  if (!nserie) return;
  entry.decoded.nserie_storage = *std::move(nserie);
  entry.decoded.nserie = entry.decoded.nserie_storage;
}

// The serial that a datagram claims is nearly always the one that it is decoded to, and hashed already.
DeviceTable::Hold FramePipeline::device_of(const Frame& frame) {
  const std::string_view nserie = frame.entry->decoded.nserie;
  const std::string_view claimed = frame.claim.serial;
  const bool same = nserie.data() == claimed.data() && nserie.size() == claimed.size();
  return same ? devices_.hold(nserie, frame.claim.hash) : devices_.hold(nserie);
}

void FramePipeline::keep(Frame& frame, Device& device, RecentDatagrams::Way way) {
  const EntryRef& entry = frame.entry;
  SerialChain::Place place(device.chain());
  place.wait_turn();
  custody_.take(entry);
  place.leave();
  if (!entry->wait_durable()) throw CustodyRefused(DropReason::kJournalFailed, "the journal could not be written");
  heard(device, *entry);
  if (options_.ack == AckWhen::kDurable || !entry->decoded.ack_wanted) {
    note_seen(device, *entry);
    way.keep();
    if (entry->decoded.ack_wanted) acknowledge(*entry, AckStatus::kStored);
    return;
  }
  const auto result = entry->wait_stored(greenrt::Deadline::at(entry->datagram.received + options_.store_deadline));
  if (!result) {
    ++counters_.acks_withheld;
    return;
  }
  note_seen(device, *entry);
  if (result->ack_status() != AckStatus::kRefused) way.keep();
  acknowledge(*entry, result->ack_status());
}

void FramePipeline::repeat(Frame& frame) {
  custody_.note_repetition(*frame.entry);
  frame.entry->set_durable();
  if (frame.entry->decoded.ack_wanted) acknowledge(*frame.entry, AckStatus::kDuplicate);
}

// The address of a device that proves itself moves with a number that is newer than all before, so that a datagram
// which somebody held back cannot draw its downlinks elsewhere. Its own, since with `ack: database` the guard knows a
// number only when its records are stored.
void FramePipeline::heard(Device& device, const Entry& entry) const {
  const Decoded& decoded = entry.decoded;
  if (!decoded.updates_path) return;
  if (decoded.auth_level < AuthLevel::kMac && device.has_proved_itself()) return;
  const Datagram& datagram = entry.datagram;
  if (decoded.counter != 0 && decoded.auth_level >= AuthLevel::kMac) {
    Device::Proof& proof = device.make_proof(*datagram.origin->codec);
    if (decoded.counter <= std::max(proof.heard, proof.guard.window().highest())) return;
    proof.heard = decoded.counter;
  }
  device.heard(*datagram.listener, datagram.path, datagram.arrival, decoded.version);
  if (on_heard_) on_heard_(device.nserie());
}

void FramePipeline::believed(Device& device, const Entry& entry) {
  if (entry.decoded.auth_level < AuthLevel::kMac) return;
  device.make_proof(*entry.datagram.origin->codec).key_id = entry.decoded.key_id;
}

// A repetition will be answered at once, so not before the answer would be true.
void FramePipeline::note_seen(Device& device, const Entry& entry) {
  const Decoded& decoded = entry.decoded;
  if (decoded.auth_level < AuthLevel::kMac) return;
  ReplayGuard& guard = device.make_proof(*entry.datagram.origin->codec).guard;
  const std::uint64_t before = guard.window().highest() >> 32;
  guard.mark(decoded, entry.datagram.arrival);
  const std::uint64_t epoch = decoded.counter >> 32;
  if (before == 0 || epoch <= before + kEpochsOfALife) return;
  reporter_.warn("epoch_jump", decoded.nserie,
                 "from " + std::to_string(before) + " to " + std::to_string(epoch) + ": lower ones are refused now");
}

void FramePipeline::acknowledge(const Entry& entry, AckStatus status) {
  const Datagram& datagram = entry.datagram;
  Ack ack;
  datagram.origin->codec->make_ack(datagram.bytes, entry.decoded, status, datagram.listener->trust().keys.get(), ack);
  if (ack.empty()) return;
  datagram.listener->replies().acknowledge(ack.bytes(), datagram.path);
  counters_.ack_seconds.observe(greenrt::Clock::now() - datagram.received);
}

void FramePipeline::ended(const Frame& frame) noexcept {
  Listener& listener = *frame.entry->datagram.listener;
  ListenerCounters& counters = listener.counters();
  switch (frame.end) {
    case Frame::End::kControl:
      ++counters.control;
      break;
    case Frame::End::kRejected:
      counters.rejected.add(frame.entry->decoded.reason);
      break;
    case Frame::End::kAcceptedOrDropped:
      if (frame.entry->durable()) {
        ++counters.accepted;
      } else {
        drop(listener, frame.why_dropped());
      }
      break;
  }
  listener.frame_ended();
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
