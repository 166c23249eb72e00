// Watchdog: tells systemd that the daemon makes progress, and only then.
//
// A greenlet of its own, so a hub that is blocked tells nothing. Each time, half as often as systemd asks, it also
// looks at every receiver: one that has ended, or that has taken nothing although its socket has held datagrams since
// the last look, is not progress. A receiver that stalls looks alive to everybody else.

#pragma once

#include <cstdint>
#include <vector>

#include "daemon/intake.h"
#include "daemon/notify.h"
#include "greenrt/greenlet.h"

namespace hilera {

class Watchdog {
 public:
  // Does nothing when systemd asks for nothing. Both must outlive it.
  Watchdog(Notifier& notifier, const Intake& intake);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Whether every receiver has made progress since the last call.
  bool progress();

 private:
  void run(greenrt::Duration interval);

  struct Seen {
    std::uint64_t received = 0;
    bool datagrams_waiting = false;
  };

  Notifier& notifier_;
  const Intake& intake_;
  std::vector<Seen> seen_;
  greenrt::GreenletRef greenlet_;
};

}  // namespace hilera
