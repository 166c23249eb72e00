// The interface of what holds the frames that are to be sent to devices. Implemented by the daemon over MariaDB.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "greenrt/deadline.h"

namespace ingest {

struct Downlink {
  std::uint64_t id = 0;
  std::string nserie;
  std::vector<std::byte> payload;
  greenrt::Duration answer_timeout{};  // for how long its next attempt waits for an answer
};

// What the sender knows of an attempt before it makes it.
struct Attempt {
  bool repeatable = true;     // the device obeys a repetition once, so that another attempt may follow whatever happens
  std::int64_t heard_at = 0;  // when the device was heard here, microseconds since 1970
  // The codec of a device that may have proved itself before it was heard here; empty: none does. And the number with
  // which it was heard; 0: it proved nothing.
  std::string_view guarded_codec;
  std::uint64_t heard_number = 0;
};

// Every call yields, and throws a std::exception when the source is out of reach: nothing has changed then, or it is
// unknown whether it has.
class DownlinkSource {
 public:
  virtual ~DownlinkSource() = default;

  // At most `limit` downlinks that may be sent now, the next ones in turn: a call goes on behind where the last one
  // ended, so that downlinks which cannot be sent do not stand before the others. Fewer than `limit` mean the end: the
  // next call begins anew. Never more than one for a device, and none while an answer of it is waited for.
  virtual std::vector<Downlink> due(std::size_t limit) = 0;

  // The one that due() would give for this device.
  virtual std::optional<Downlink> due_for(std::string_view nserie) = 0;

  // Notes durably that an attempt to send is about to be made. False when the downlink is not to be sent any more, is
  // somebody else's, or its device has another one to answer, was heard elsewhere since, or has proved more than when
  // it was heard here, so that this was somebody else. Only after true may it be
  // sent: a crash then leaves an attempt of unknown outcome, never a second one that nobody knows of.
  virtual bool begin_attempt(const Downlink& downlink, const Attempt& attempt) = 0;

  // `answered`: the device will say what became of it, and it is tried again when it does not.
  virtual void mark_sent(const Downlink& downlink, bool answered) = 0;

  // The attempt, or the downlink as such, failed. `retry`: it may be tried again while it has attempts left.
  virtual void mark_failed(const Downlink& downlink, std::string_view error, bool retry) = 0;
};

}  // namespace ingest
