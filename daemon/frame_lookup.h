// Whether records that were stored once are still there.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "db/connection.h"
#include "ingest/entry.h"

namespace hilera {

// Yields. How many rows of `frame` these datagrams have: those that were stored from them, and not those that other
// datagrams with the same records had stored before. Throws db::Error.
std::uint64_t count_stored_rows(db::Connection& connection, const std::vector<const ingest::Entry*>& entries);

}  // namespace hilera
