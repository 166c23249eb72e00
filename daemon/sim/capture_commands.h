// hilera-sim replay and hilera-sim capture: traffic out of a file, and into one.

#pragma once

#include <iosfwd>

namespace hilera::sim {

// Each with its own command line, whose first word is the command; runs in a hub of its own until it is done, or until
// SIGINT or SIGTERM. Writes its summary, one JSON object, and help to `out`, what is wrong to `error`. Returns the exit
// status.
int replay_command(int argc, const char* const* argv, std::ostream& out, std::ostream& error);
int capture_command(int argc, const char* const* argv, std::ostream& out, std::ostream& error);

}  // namespace hilera::sim
