// From the configuration's `database` section to the options of the connection pool.

#pragma once

#include "daemon/config.h"
#include "db/pool.h"

namespace hilera {

// Reads the password; warns in the log when others may read its file. Throws std::runtime_error when it cannot be read.
db::PoolOptions pool_options(const DatabaseConfig& config);

}  // namespace hilera
