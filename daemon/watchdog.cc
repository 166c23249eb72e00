#include "daemon/watchdog.h"

#include <poll.h>

#include <chrono>

#include "daemon/logging.h"
#include "greenrt/hub.h"

namespace hilera {
namespace {

bool readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1 && (entry.revents & POLLIN) != 0;
}

}  // namespace

Watchdog::Watchdog(Notifier& notifier, const Intake& intake, greenrt::Duration frame_limit)
    : notifier_(notifier), intake_(intake), frame_limit_(frame_limit) {
  const auto timeout = notifier.watchdog_timeout();
  if (!timeout) return;
  greenlet_ = greenrt::spawn([this, interval = *timeout / 2] { run(interval); });
  greenlet_->set_name("watchdog");
  greenlet_->set_kind(greenrt::Hub::current().kind("watchdog"));
}

Watchdog::~Watchdog() {
  const greenrt::Shield shield;
  if (greenlet_) greenlet_->kill();
}

void Watchdog::run(greenrt::Duration interval) {
  while (true) {
    if (!progress()) {
      log::error("no_progress", {{"detail", "datagrams stay in a socket, or frames in flight do not end"}});
    } else if (const auto error = notifier_.watchdog()) {
      log::write_limited(LogLevel::kWarning, "notify_failed", {{"error", error.message()}});
    }
    greenrt::sleep(interval);
  }
}

bool Watchdog::progress() {
  const bool receivers = receivers_progress();
  return frames_progress() && receivers;
}

bool Watchdog::frames_progress() {
  const ingest::PipelineCounters& counters = intake_.counters();
  const auto now = greenrt::Clock::now();
  if (counters.in_flight == 0 || counters.ended != frames_ended_) {
    frames_ended_ = counters.ended;
    frames_progressed_ = now;
    return true;
  }
  return now - frames_progressed_ < frame_limit_;
}

bool Watchdog::receivers_progress() {
  bool all = true;
  seen_.resize(intake_.listeners().size());
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    const ingest::Listener& listener = *intake_.listeners()[i];
    if (listener.retired()) continue;
    const std::uint64_t received = listener.counters().received;
    if (intake_.receiving() && intake_.receiver_of(i)->ready()) all = false;
    if (seen_[i].datagrams_waiting && received == seen_[i].received) all = false;
    seen_[i] = {received, readable(listener.socket().fd())};
  }
  return all;
}

}  // namespace hilera
