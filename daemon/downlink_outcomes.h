// DownlinkOutcomes: what devices say of the frames that were sent down to them, on its way to the table `downlink`.
//
// Answers are written one after the other, in the order in which they came. While the database is away they wait, at
// most kMostWaiting of them; beyond that the oldest is given up and counted, since its device repeats nothing. So is
// one that the database refuses.
//
// A greenlet of its own from start() to stop().

#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "daemon/downlink_table.h"
#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "ingest/codec.h"
#include "ingest/reporter.h"

namespace hilera {

class DownlinkOutcomes {
 public:
  static constexpr std::size_t kMostWaiting = 10'000;

  struct Counters {
    std::uint64_t delivered = 0;
    std::uint64_t refused = 0;    // by the device, for ever
    std::uint64_t postponed = 0;  // "not now": queued again, while attempts are left
    std::uint64_t unknown = 0;    // answers to no frame that was sent
    std::uint64_t given_up = 0;   // could not be written in time
  };

  // Both must outlive it.
  DownlinkOutcomes(DownlinkTable& table, ingest::Reporter& reporter) : table_(table), reporter_(reporter) {}
  ~DownlinkOutcomes();
  DownlinkOutcomes(const DownlinkOutcomes&) = delete;
  DownlinkOutcomes& operator=(const DownlinkOutcomes&) = delete;

  // Called when the end of what was under way to a device is written. Must not yield or throw.
  void set_on_written(std::function<void(std::string_view nserie)> on_written) { on_written_ = std::move(on_written); }

  void start();
  // Yields until all is written, or until the deadline; what is left is given up. Idempotent.
  void stop(greenrt::Deadline deadline);

  // Of a device without a name it is an answer to nothing. `unproved_codec`: see DownlinkTable; static text. Never
  // yields, never throws.
  void note(std::string_view nserie, const ingest::DownlinkAnswer& answer,
            std::string_view unproved_codec = {}) noexcept;

  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    std::string nserie;
    ingest::DownlinkAnswer answer;  // its text is `text`
    std::string text;
    std::string_view unproved_codec;
  };

  void run();
  void write_front();
  void count(ingest::DownlinkAnswer::Outcome outcome);

  DownlinkTable& table_;
  ingest::Reporter& reporter_;
  std::deque<Waiting> waiting_;
  greenrt::Event work_;
  greenrt::Event written_;
  greenrt::GreenletRef greenlet_;
  Counters counters_;
  std::function<void(std::string_view)> on_written_;
};

}  // namespace hilera
