// `hileractl schema apply`: connects with credentials of its own and makes the tables.

#pragma once

#include "daemon/config.h"
#include "daemon/ctl/command_line.h"
#include "db/schema.h"

namespace hilera::ctl {

// How to connect: the configuration's section `database`, where a file was given, with the options of the command line
// on top. With another user than the configuration's, its password file is not used. Throws ConfigError, and
// std::invalid_argument when it is unknown which server is meant.
DatabaseConfig schema_database(const CommandLine& line);

// Yields until the tables are as they should be. Throws db::Error, and std::runtime_error for a password that cannot be
// read.
db::SchemaStatus apply_schema(const DatabaseConfig& database, bool order_audit);

}  // namespace hilera::ctl
