// `hileractl top`: what goes on, again and again.

#pragma once

#include <iosfwd>

#include "daemon/ctl/command_line.h"
#include "daemon/ctl/terminals.h"

namespace hilera::ctl {

// As run_command(). On a terminal, a screen that is drawn anew at each interval, until `q`, SIGINT or SIGTERM;
// otherwise or with --json a line for each, from the second look on. Ends after --count of them. A hilerad that does
// not answer is said to, and asked again. Fails with kExitUnavailable when the last one of the lines says so.
int top(const CommandLine& line, std::ostream& out, const Terminals& terminals);

}  // namespace hilera::ctl
