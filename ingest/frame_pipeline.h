// FramePipeline: the path of a frame, from a received datagram to its acknowledgement.
//
//   admission -> [ greenlet: decode -> vet -> place in the chain of its nserie -> custody -> durable -> ack ]
//
// One greenlet a datagram. Decoding, vetting and taking the place happen before the greenlet first yields, and
// greenlets start in the order of arrival, so the frames of a device stand in the order of arrival. A frame leaves its
// chain once it has its place in the order of storage; from there on custody keeps the order. Acknowledgements need
// none.
//
// Every datagram that is submitted ends in exactly one counter, whatever is thrown on its way. One that is durable is
// accepted, even if its acknowledgement fails.

#pragma once

#include <boost/intrusive/list.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "ingest/admission.h"
#include "ingest/counters.h"
#include "ingest/custody.h"
#include "ingest/device_table.h"
#include "ingest/first_chances.h"
#include "ingest/listener.h"
#include "ingest/recent_datagrams.h"
#include "ingest/reporter.h"

namespace ingest {

// When a device gets its acknowledgement.
enum class AckWhen : std::uint8_t {
  kDurable,  // its datagram is in the journal
  kStored,   // its records are in the database, or had been before, or are dead letters
};

struct PipelineOptions {
  Admission::Limits limits;
  // Of one device, wherever they come from, once it is believed who sent them; at least 1.
  std::size_t in_flight_per_device = 1000;
  AckWhen ack = AckWhen::kDurable;
  // From arrival; only for kStored. A frame whose records are not stored by then ends without an acknowledgement, and
  // stays in custody.
  greenrt::Duration store_deadline = std::chrono::seconds(10);
};

class FramePipeline {
 public:
  // All of them must outlive it.
  FramePipeline(const PipelineOptions& options, Custody& custody, DeviceTable& devices, Reporter& reporter);
  // No frame may be in flight: see wait_idle() and abandon().
  ~FramePipeline();
  FramePipeline(const FramePipeline&) = delete;
  FramePipeline& operator=(const FramePipeline&) = delete;

  // The device that a datagram claims to come from.
  struct Claim {
    std::string_view serial;  // as the datagram has it; a view into it
    std::uint64_t hash = 0;   // of the nserie: see Codec::hash_of()
  };
  // For a datagram that will be submitted soon: brings what the table knows of its device nearer.
  [[nodiscard]] Claim look_ahead(const Listener& listener, Bytes bytes) const;

  // Takes over a datagram that a listener has received and counted: starts its greenlet, or drops it at a limit, which
  // is checked before anything is allocated. `bytes` is copied. Never yields, never throws.
  struct Arrival {
    std::int64_t stamp = 0;  // see arrival_clock.h
    greenrt::Clock::time_point received;
    double backlog = 0;  // how full the receive buffer is, from 0 to 1
  };
  void submit(Listener& listener, const Arrival& arrival, const greenrt::UdpPath& path, Bytes bytes,
              const Claim& claim) noexcept;

  // For what comes, and for the frames in flight as far as they have not come to it.
  void set_options(const PipelineOptions& options) {
    options_ = options;
    admission_.set_limits(options.limits);
  }

  // Called with a datagram that has what a device says of a downlink, once it is believed. Must not yield or throw.
  using OnAnswer = std::function<void(const Decoded& decoded, const Origin& origin)>;
  void set_on_answer(OnAnswer on_answer) { on_answer_ = std::move(on_answer); }

  // The same for an answer that names no device: whose it is. And with each device whose address is known, or known
  // again, once its datagram is durable.
  using Addressee = std::function<std::optional<std::string>(const Listener&, const greenrt::SocketAddress& peer)>;
  void set_addressee(Addressee addressee) { addressee_ = std::move(addressee); }
  // And whether there is an addressee: for what claims no serial while more comes than can be looked at.
  using HasAddressee = std::function<bool(const Listener&, const greenrt::SocketAddress& peer)>;
  void set_has_addressee(HasAddressee has_addressee) { has_addressee_ = std::move(has_addressee); }
  using OnHeard = std::function<void(std::string_view nserie)>;
  void set_on_heard(OnHeard on_heard) { on_heard_ = std::move(on_heard); }

  // Counts a datagram that came after the end as dropped (shutdown). Never yields, never throws.
  void turn_away(Listener& listener) noexcept { drop(listener, DropReason::kShutdown); }

  // Yields until no datagram is in flight (true) or until the deadline (false).
  bool wait_idle(greenrt::Deadline deadline);

  // Ends the frames that are in flight; those that are not durable are counted as dropped (shutdown). Yields until they
  // have ended.
  void abandon();

  [[nodiscard]] const PipelineCounters& counters() const { return counters_; }

 private:
  class Frame;
  using Frames = boost::intrusive::list<Frame, boost::intrusive::constant_time_size<false>>;

  void process(Frame& frame);
  void decode(Frame& frame);
  void store(Frame& frame, Device& device, bool number_used);
  void keep(Frame& frame, Device& device, RecentDatagrams::Way way);
  void repeat(Frame& frame);
  [[nodiscard]] bool must_wait(const Listener& listener, const Claim& claim, const greenrt::UdpPath& path,
                               const Arrival& arrival);
  [[nodiscard]] DeviceTable::Hold device_of(const Frame& frame);
  void name_answer(Entry& entry) const;
  void heard(Device& device, const Entry& entry) const;
  static void believed(Device& device, const Entry& entry);
  void note_seen(Device& device, const Entry& entry);
  void acknowledge(const Entry& entry, AckStatus status);
  void ended(const Frame& frame) noexcept;
  void drop(Listener& listener, DropReason reason) noexcept;

  PipelineOptions options_;
  Custody& custody_;
  DeviceTable& devices_;
  Reporter& reporter_;
  Admission admission_;
  FirstChances first_chances_;
  RecentDatagrams recent_;
  PipelineCounters counters_;
  OnAnswer on_answer_;
  Addressee addressee_;
  HasAddressee has_addressee_;
  OnHeard on_heard_;
  std::unique_ptr<Frames> frames_;
  greenrt::GreenletKind& frame_kind_;
  greenrt::Event idle_;
};

}  // namespace ingest
