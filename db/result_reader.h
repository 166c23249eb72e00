// Reads what a prepared statement has answered. Internal to db/.

#pragma once

#include "db/connection_use.h"
#include "db/rows.h"

struct st_mysql_stmt;

namespace db {

// Yields while the server sends. Every row is read, and the result freed, so that the connection is ready again.
// Integers come as integers, FLOAT and DOUBLE as reals, everything else as bytes of whatever length.
Rows read_result(Connection::Use& use, st_mysql_stmt* statement);

}  // namespace db
