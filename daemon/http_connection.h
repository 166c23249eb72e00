// One HTTP connection: reads requests, one after the other, and writes the answers. Boost.Beast is in its .cc only.

#pragma once

#include <chrono>
#include <functional>

#include "daemon/connection_server.h"
#include "daemon/http_server.h"

namespace hilera {

// Yields until the peer leaves, breaks the rules, is too slow, or the server stops. `timeout` bounds the time without a
// request, the time of a request from its first byte to its last, and that of writing an answer, each. What cannot be
// read as a request gets a 4xx without `respond` being asked. Throws what Stream throws while an answer is written.
void serve_http(ConnectionServer::Connection& connection, std::chrono::milliseconds timeout,
                const std::function<HttpResponse(const HttpRequest&)>& respond);

}  // namespace hilera
