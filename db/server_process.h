// ServerProcess: which process of which server a session is with.
//
// Between two sessions with one process nothing that it had committed can have been lost; where the process has ended,
// or another server answers under the same address, something may.

#pragma once

#include <string>

#include "db/host_facts.h"
#include "greenrt/deadline.h"

namespace db {

struct ServerProcess {
  std::string where;  // its host name, port and data directory; empty: it has not said
  // It began between these two: a server tells its age in whole seconds.
  greenrt::Clock::time_point began_after;
  greenrt::Clock::time_point began_before;
};

// From what a server said between `asked` and `answered`.
[[nodiscard]] ServerProcess identify_server(const HostFacts& facts, greenrt::Clock::time_point asked,
                                            greenrt::Clock::time_point answered);

// Never true of two, but for a server that lived less than two seconds. May be false of one whose clock was set.
[[nodiscard]] bool is_same_process(const ServerProcess& one, const ServerProcess& other);

}  // namespace db
