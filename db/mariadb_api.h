// The one door to Connector/C: no other file includes <mysql.h>, and of the headers of db/ only session.h includes this
// one.

#pragma once

#include <errmsg.h>
#include <mysql.h>

#include <memory>

namespace db {

// Initialises the library, once per process, from any thread.
void initialise_client_library();

// Closes without ever waiting: what cannot be said to the server at once is not said.
struct CloseHandle {
  void operator()(MYSQL* handle) const noexcept;
};
using Handle = std::unique_ptr<MYSQL, CloseHandle>;

}  // namespace db
