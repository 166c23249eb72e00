// The page for people: the files of daemon/page, built into the program. It asks /status once a second, nobody else,
// and keeps its history in the browser.

#pragma once

#include "daemon/http_server.h"

namespace hilera {

// "/" and what it needs.
[[nodiscard]] HttpServer::Routes page_routes();

}  // namespace hilera
