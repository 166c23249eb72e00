// `hileractl dead-letter`: the commands go to hilerad page by page.

#pragma once

#include <iosfwd>

#include "daemon/ctl/command_line.h"
#include "daemon/ctl/terminals.h"

namespace hilera::ctl {

// As run_command(). With --json, the answer of all pages as one object.
int list_dead_letters(const CommandLine& line, std::ostream& out);
int show_dead_letter(const CommandLine& line, std::ostream& out);

// The same. Prints what became of each letter as it is known, with --json one object a line; to `notes` at the end how
// many there were of each outcome, and on a terminal how far it has come. Fails when a record is not in the table frame
// afterwards.
int replay_dead_letters(const CommandLine& line, std::ostream& out, std::ostream& notes, const Terminals& terminals);

}  // namespace hilera::ctl
