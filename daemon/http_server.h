// HttpServer: answers GET and HEAD on the hub, for metrics, health and status. It only reads; nothing here changes
// anything.
//
// Bounded in connections, header size and time (of a request as a whole, so that a slow one cannot hold a connection).
// A request whose Host header is not one of ours is refused with 421, which keeps web pages of others out (DNS
// rebinding): allowed are localhost, loopback addresses, the address the client connected to, and http.allowed_hosts.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "daemon/config.h"
#include "daemon/connection_server.h"
#include "daemon/metrics.h"

namespace hilera {

// Valid while its handler runs.
struct HttpRequest {
  std::string_view method;
  std::string_view path;   // without the query
  std::string_view query;  // after the '?', as it came
  std::string_view host;   // the Host header as it came
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::string allow = {};  // the header Allow, for 405
};

class HttpServer {
 public:
  // May yield. An exception becomes a 500, with its text in the log.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;
  using Routes = std::map<std::string, Handler, std::less<>>;  // by path

  // Binds. Throws std::system_error.
  HttpServer(const HttpConfig& config, Routes routes);

  void start() { server_.start(); }
  // As ConnectionServer::stop().
  void stop(greenrt::Deadline deadline) { server_.stop(deadline); }

  [[nodiscard]] greenrt::SocketAddress local_address() const { return server_.local_address(); }
  [[nodiscard]] const ConnectionServer& connections() const { return server_; }

  void declare_metrics(Metrics& metrics) const;

 private:
  void serve(ConnectionServer::Connection& connection);
  HttpResponse respond(const HttpRequest& request, std::string_view local_host);
  [[nodiscard]] bool host_allowed(std::string_view host, std::string_view local_host) const;

  HttpConfig config_;
  Routes routes_;
  std::map<unsigned, std::uint64_t> responses_;  // by status
  ConnectionServer server_;
};

}  // namespace hilera
