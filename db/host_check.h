// What is asked of a server when a session begins, and whether records can be stored there by its answers.
//
// Such a server takes writes (neither read_only nor innodb_read_only) and, where it is a node of a Galera cluster,
// belongs to the part of it that has the majority, is ready, and has what the others have (it may be giving its data to
// one that joins). The questions need no right, and a node that is not ready answers them, too. Whether a replica
// replicates is not asked, because that takes a right of its own: a replica that must not be written to is read-only.

#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "db/connection.h"
#include "db/host_facts.h"
#include "greenrt/deadline.h"

namespace db {

// Asks through `ask`, which adds to the facts what a statement gives as rows of name and value.
HostFacts ask_host(const std::function<void(std::string_view statement, HostFacts& facts)>& ask);
// Yields. Over a connection that is there. Throws Error.
HostFacts ask_host(Connection& connection, greenrt::Deadline deadline = greenrt::Deadline::never());

// Why records cannot be stored there, for people; empty when they can.
[[nodiscard]] std::string unfit_because(const HostFacts& facts);

}  // namespace db
