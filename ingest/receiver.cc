#include "ingest/receiver.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "greenrt/greenlet.h"

namespace ingest {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{10};
constexpr milliseconds kLongestPause{1000};

}  // namespace

Receiver::Receiver(Listener& listener, FramePipeline& pipeline, ArrivalClock& arrivals, Reporter& reporter)
    : listener_(listener),
      pipeline_(pipeline),
      arrivals_(arrivals),
      reporter_(reporter),
      batch_(kBatch, listener.codec().max_datagram_size()) {}

void Receiver::run() {
  milliseconds pause = kFirstPause;
  while (true) {
    try {
      listener_.socket().receive(batch_);
      hand_over();
      pause = kFirstPause;
    } catch (const std::system_error& error) {
      note_failure(error);
      greenrt::sleep(pause);
      pause = std::min(pause * 2, kLongestPause);
    }
    greenrt::yield();
  }
}

bool Receiver::take_waiting() {
  if (!receive_waiting()) return false;
  hand_over();
  return true;
}

bool Receiver::turn_away_waiting() {
  if (!receive_waiting()) return false;
  listener_.counters().received += batch_.size();
  for (std::size_t i = 0; i < batch_.size(); ++i)
    pipeline_.turn_away(listener_);
  return true;
}

bool Receiver::receive_waiting() {
  try {
    return listener_.socket().try_receive(batch_);
  } catch (const std::system_error& error) {
    note_failure(error);
    return false;
  }
}

void Receiver::note_failure(const std::system_error& error) {
  ++listener_.counters().receive_errors;
  reporter_.warn("receive_failed", listener_.name(), error.what());
}

void Receiver::hand_over() {
  const auto received = greenrt::Clock::now();
  const double backlog = batch_.size() == kBatch ? listener_.socket().receive_backlog() : 0;
  const std::int64_t now = ArrivalClock::now();
  std::array<FramePipeline::Claim, kBatch> claims;
  for (std::size_t i = 0; i < batch_.size(); ++i)
    claims[i] = pipeline_.look_ahead(listener_, batch_.bytes(i));

  ListenerCounters& counters = listener_.counters();
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    ++counters.received;
    if (batch_.truncated(i)) {
      counters.rejected.add(kOversize);
    } else {
      pipeline_.submit(listener_, {.stamp = arrivals_.next(now), .received = received, .backlog = backlog},
                       batch_.path(i), batch_.bytes(i), claims[i]);
    }
  }
}

}  // namespace ingest
