// Native threads beside the hub's. Signals belong to the hub's thread, so these are born with all of them blocked.

#pragma once

#include <functional>
#include <thread>

namespace greenrt {

// Throws std::system_error when the system gives no thread.
std::thread start_native_thread(std::function<void()> body);

}  // namespace greenrt
