// The commands for keys of devices: they read and write no file but the one that is named, and ask nobody.

#pragma once

#include <iosfwd>

#include "daemon/ctl/command_line.h"

namespace hilera::ctl {

// Prints a line for a file of keys with a new random key: of one device, or a master key. Returns the exit status.
int generate_key(const CommandLine& line, std::ostream& out);

// Prints the key that a device has by a file of keys, its own or the derived one, for the device to keep. Throws
// std::runtime_error: the file cannot be read, is wrong, or has no such key.
int derive_key(const CommandLine& line, std::ostream& out);

}  // namespace hilera::ctl
