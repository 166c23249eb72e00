// poll: poll(2) for greenlets. The bridge for code that comes with its own descriptors and its own idea of waiting; new
// code is better off with FdWatcher, which keeps its watch between waits.

#pragma once

#include <poll.h>

#include <cstddef>
#include <span>

#include "greenrt/deadline.h"

namespace greenrt {

// Yields until a descriptor is ready for what its `events` ask (POLLIN, POLLOUT), or has an error, or until the
// deadline: the number of descriptors with `revents`, 0 at the deadline. Returns at once when one is ready already, and
// with POLLNVAL for one that is not open. Negative descriptors are passed over. POLLERR and POLLHUP are noticed only
// while something is asked. A descriptor must not be closed meanwhile. Throws std::system_error.
std::size_t poll(std::span<pollfd> descriptors, Deadline deadline = Deadline::never());

}  // namespace greenrt
