// Session: a connected, authenticated and configured handle of Connector/C, before it is used from the hub.
//
// Internal to db/. open_session() blocks and is called on a thread; everything it touches it owns.

#pragma once

#include <cstddef>
#include <string>

#include "db/connect_options.h"
#include "db/mariadb_api.h"
#include "db/server_process.h"
#include "greenrt/deadline.h"

namespace db {

struct Session {
  Handle handle;  // its descriptor is non-blocking
  Endpoint endpoint;
  std::string server_version;
  ServerProcess server;
  std::size_t max_allowed_packet = 0;
};

// Connects to `host`, which is the numeric address of `endpoint` (or its name, where TLS has to verify that), or to its
// socket. Throws db::Error; of class kWait when nothing can be stored there (see host_check.h).
Session open_session(const ConnectOptions& options, const Endpoint& endpoint, const std::string& host,
                     greenrt::Deadline deadline);

}  // namespace db
