// What a server answers to bytes that a peer sends on one connection, over a Unix socket in a hub of its own.

#pragma once

#include <functional>
#include <string>

#include "greenrt/stream.h"
#include "tests/fuzz/fuzz.h"

namespace fuzz {

// Where a server may listen. The file is not there; its folder goes with the process.
const std::string& socket_path();

// For a greenlet. Connects, sends the bytes and the end, and returns all that comes back. Aborts when the server has
// not ended the connection within its limit of time.
std::string converse(const std::string& path, Bytes sent);

// Runs `body` as the main greenlet of a new hub. An error that reaches the hub is a broken promise.
void run_in_hub(const std::function<void()>& body);

}  // namespace fuzz
