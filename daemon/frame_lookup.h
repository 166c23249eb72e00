// Whether records that were stored once are still there.

#pragma once

#include <cstddef>
#include <vector>

#include "db/connection.h"
#include "ingest/entry.h"

namespace hilera {

// Yields. For each datagram, whether a row of `frame` or `dead_letter` is there that was stored from it, and not from
// another one with the same records; all that was stored from it is then there, because that was one transaction. A
// datagram that gave no row at all, since others had stored its records before, is not found. On a node of a cluster it
// waits for what the others have committed. The records have their keys. Throws db::Error.
std::vector<bool> find_stored(db::Connection& connection, const std::vector<const ingest::Entry*>& entries);

// The same, but whether `frame` has a row under the key of any of its records, whatever it holds and whoever stored it.
std::vector<bool> find_keys(db::Connection& connection, const std::vector<const ingest::Entry*>& entries);

}  // namespace hilera
