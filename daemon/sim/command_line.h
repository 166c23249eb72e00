// The command line of hilera-sim.

#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "daemon/host_port.h"
#include "daemon/sim/simulator.h"

namespace hilera::sim {

// 0: all that was sent was acknowledged, or no acknowledgement was wanted.
inline constexpr int kExitUnacked = 1;  // frames were left unacknowledged, or the run failed
inline constexpr int kExitBadUsage = 2;

struct CommandLine {
  HostPort target;
  SimulatorOptions simulator;  // without target and epoch
  std::string json_path;       // empty: the summary goes to standard output
  std::string log_path;        // empty: none
  std::string keys_file;       // of native devices that prove who they are; empty: they do not
  bool quiet = false;
};

struct ParsedCommandLine {
  std::optional<CommandLine> options;  // none: there is nothing to be done
  int exit_status = 0;                 // then the program's
};

// Writes help and version to `out`, what is wrong to `error`.
ParsedCommandLine parse_command_line(int argc, const char* const* argv, std::ostream& out, std::ostream& error);

}  // namespace hilera::sim
