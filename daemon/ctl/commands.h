// What each command of hileractl does.

#pragma once

#include <iosfwd>

#include "daemon/ctl/command_line.h"

namespace hilera::ctl {

// Yields. Prints the answer to `out`, as JSON if asked for, and what there is to say besides to `notes`; returns the
// exit status. Throws ControlUnavailable, ControlError, ConfigError, db::Error, std::invalid_argument.
int run_command(const CommandLine& line, std::ostream& out, std::ostream& notes);

}  // namespace hilera::ctl
