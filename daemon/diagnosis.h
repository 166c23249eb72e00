// Diagnosis: for whoever has to find out why the daemon is slow, or stands still.
//
// - All greenlets, as a tree of who started whom, with what each waits for and since when: in the log on SIGUSR1, and
//   on GET /greenlets. No serial number is in there.
// - A greenlet that keeps the hub to itself is logged as "hub_blocked", with its name and a backtrace.
// - What each kind of greenlet costs, as metrics, from samples (greenrt/greenlet_kind.h).

#pragma once

#include <string>

#include "daemon/metrics.h"
#include "greenrt/deadline.h"
#include "greenrt/monitor.h"
#include "greenrt/signal.h"

namespace hilera {

class Diagnosis {
 public:
  // On the hub. `max_blocking`: a hub without a switch for longer is blocked. Throws std::system_error when the monitor
  // gets no thread.
  explicit Diagnosis(greenrt::Duration max_blocking);

  [[nodiscard]] static std::string greenlets_text();

  void declare_metrics(Metrics& metrics) const;

 private:
  greenrt::SignalHandler on_user_signal_;
  greenrt::Monitor monitor_;
};

}  // namespace hilera
