// What each command of hileractl does.

#pragma once

#include <iosfwd>

#include "daemon/ctl/command_line.h"
#include "daemon/ctl/terminals.h"

namespace hilera::ctl {

// Yields. Prints the answer to `out`, as JSON if asked for, and what there is to say besides to `notes`; where these
// are `terminals`, more is shown. Returns the exit status. Throws ControlUnavailable, ControlError, ConfigError,
// db::Error, std::invalid_argument.
int run_command(const CommandLine& line, std::ostream& out, std::ostream& notes, const Terminals& terminals = {});

}  // namespace hilera::ctl
