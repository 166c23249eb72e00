// Where the frames go, and from where. Both throw std::runtime_error (std::system_error) with a sentence for a person.

#pragma once

#include "daemon/host_port.h"
#include "greenrt/socket_address.h"

namespace hilera::sim {

// A name is looked up, which blocks the thread.
greenrt::SocketAddress resolve(const HostPort& target);

// The address that this host uses towards `target`, with port 0. Sends nothing.
greenrt::SocketAddress local_address_towards(const greenrt::SocketAddress& target);

}  // namespace hilera::sim
