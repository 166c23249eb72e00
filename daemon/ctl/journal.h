// `hileractl journal`: what hilerad's journal holds, asked of the daemon or, when it does not run, read from its
// folder.

#pragma once

#include <iosfwd>

#include "daemon/ctl/command_line.h"
#include "daemon/ctl/terminals.h"

namespace hilera::ctl {

// As run_command(). With a directory: throws std::runtime_error when a daemon uses it, or it holds no journal.
int journal_info(const CommandLine& line, std::ostream& out, std::ostream& notes);

// The same. One JSON object a line; to `notes`, on a terminal, how far it has come. Fails when records could not be
// read, and says to `notes` how many; and, in a directory, when SIGINT or SIGTERM has come before the end.
int journal_export(const CommandLine& line, std::ostream& out, std::ostream& notes, const Terminals& terminals);

}  // namespace hilera::ctl
