#include "daemon/diagnosis.h"

#include <signal.h>

#include <chrono>
#include <sstream>

#include "daemon/logging.h"
#include "greenrt/greenlet_tree.h"
#include "greenrt/hub.h"

namespace hilera {
namespace {

using greenrt::GreenletKind;
using greenrt::Hub;

constexpr std::size_t kMostLines = 1000;
constexpr std::size_t kMostFrames = 12;  // of a backtrace, in the log

double seconds(greenrt::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void log_greenlets() {
  log::info("greenlets", {{"number", Hub::current().stats().greenlets}, {"switches", Hub::current().stats().switches}});
  std::istringstream lines(Diagnosis::greenlets_text());
  for (std::string line; std::getline(lines, line);)
    log::info("greenlet", {{"is", line}});
}

void log_block(const greenrt::HubBlock& block) {
  std::string where;
  for (std::size_t i = 0; i < block.backtrace.size() && i < kMostFrames; ++i)
    where += (i ? " < " : "") + block.backtrace[i];
  log::warning(
      "hub_blocked",
      {{"greenlet", block.greenlet}, {"seconds", block.lasted}, {"backtrace", where}, {"suppressed", block.untold}});
}

Labels of(const GreenletKind& kind) {
  return {{"kind", kind.name()}};
}

}  // namespace

Diagnosis::Diagnosis(greenrt::Duration max_blocking)
    : on_user_signal_(SIGUSR1, [](int) { log_greenlets(); }), monitor_({.limit = max_blocking}, log_block) {}

std::string Diagnosis::greenlets_text() {
  return greenrt::describe_greenlets(Hub::current(), kMostLines);
}

void Diagnosis::declare_metrics(Metrics& metrics) const {
  metrics.counter("hilera_hub_blocked_total", "How often a greenlet kept the hub to itself for too long.",
                  [this](Metrics::Samples& samples) { samples.add({}, monitor_.blocks()); });
  metrics.counter("hilera_hub_switches_total", "Greenlets resumed.", &Hub::current().stats().switches);
  metrics.counter("hilera_greenlet_kills_swallowed_total", "Kills that a greenlet has caught and not thrown on.",
                  &Hub::current().stats().kills_swallowed);
  metrics.histogram("hilera_greenlet_slice_seconds",
                    "How long a greenlet ran between two waits, by kind; one slice of about 64 is measured.",
                    [](Metrics::Samples& samples) {
                      for (const GreenletKind& kind : Hub::current().kinds())
                        samples.add(of(kind), kind.slices());
                    });
  metrics.histogram("hilera_greenlet_delay_seconds",
                    "How long a greenlet was ready before it ran, by kind, from the same samples.",
                    [](Metrics::Samples& samples) {
                      for (const GreenletKind& kind : Hub::current().kinds())
                        samples.add(of(kind), kind.delays());
                    });
  metrics.gauge("hilera_greenlet_longest_slice_seconds", "The longest of the measured slices, by kind.",
                [](Metrics::Samples& samples) {
                  for (const GreenletKind& kind : Hub::current().kinds())
                    samples.add(of(kind), seconds(kind.longest_slice()));
                });
  metrics.gauge("hilera_greenlet_stack_high_water_bytes",
                "The deepest use of a stack, by kind: no less, but a stack may have been used by another kind before.",
                [](Metrics::Samples& samples) {
                  for (const GreenletKind& kind : Hub::current().kinds())
                    samples.add(of(kind), kind.stack_high_water());
                });
}

}  // namespace hilera
