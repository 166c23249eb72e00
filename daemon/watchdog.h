// Watchdog: tells systemd that the daemon makes progress, and only then.
//
// A greenlet of its own, so a hub that is blocked tells nothing. Each time, half as often as systemd asks, it also
// looks at what looks alive to everybody else:
// - every receiver: one that has ended, or that has taken nothing although its socket has held datagrams since the last
//   look, is not progress;
// - the frames in flight: that none of them has ended for longer than one may take is not progress.

#pragma once

#include <cstdint>
#include <vector>

#include "daemon/intake.h"
#include "daemon/notify.h"
#include "greenrt/deadline.h"
#include "greenrt/greenlet.h"

namespace hilera {

class Watchdog {
 public:
  // Does nothing when systemd asks for nothing. `frame_limit`: the longest that a frame in flight may take, whatever
  // the database does. Both others must outlive it.
  Watchdog(Notifier& notifier, const Intake& intake, greenrt::Duration frame_limit);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Whether everything has made progress since the last call.
  bool progress();

 private:
  void run(greenrt::Duration interval);
  bool receivers_progress();
  bool frames_progress();

  struct Seen {
    std::uint64_t received = 0;
    bool datagrams_waiting = false;
  };

  Notifier& notifier_;
  const Intake& intake_;
  const greenrt::Duration frame_limit_;
  std::vector<Seen> seen_;
  std::uint64_t frames_ended_ = 0;
  greenrt::Clock::time_point frames_progressed_ = greenrt::Clock::now();
  greenrt::GreenletRef greenlet_;
};

}  // namespace hilera
