// Progress: one line on a terminal that tells how far the simulator has come, written over and over.

#pragma once

#include <cstdio>
#include <optional>
#include <string>

#include "daemon/sim/simulator.h"
#include "daemon/sim/tally.h"
#include "greenrt/deadline.h"

namespace hilera::sim {

// The line, without anything for the terminal. `rate` in frames per second. At most 100 columns in ordinary runs.
std::string progress_line(const SimulatorOptions& options, const Tally& tally, greenrt::Duration elapsed, double rate);

class Progress {
 public:
  // Writes to `terminal`, which must outlive it.
  Progress(std::FILE* terminal, const SimulatorOptions& options) : terminal_(terminal), options_(options) {}

  void show(const Tally& tally, greenrt::Duration elapsed);

  // Takes the line away.
  void clear();

 private:
  std::FILE* terminal_;
  SimulatorOptions options_;
  greenrt::Duration last_elapsed_{};
  std::uint64_t last_sent_ = 0;
};

}  // namespace hilera::sim
