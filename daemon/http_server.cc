#include "daemon/http_server.h"

#include <strings.h>

#include <algorithm>
#include <stdexcept>
#include <system_error>

#include "daemon/host_port.h"
#include "daemon/http_connection.h"
#include "daemon/logging.h"

namespace hilera {

namespace {

constexpr std::uint16_t kAnyPort = 1;  // the port of a Host header is not looked at

greenrt::Listener bind_address(const HttpConfig& config) {
  const auto address = greenrt::SocketAddress::parse(config.address, config.port);
  if (!address) throw std::invalid_argument("http.address: not an address: " + config.address);
  try {
    return greenrt::Listener::bind_tcp(*address);
  } catch (const std::system_error& error) {
    throw std::runtime_error("http at " + address->to_string() + ": " + error.what());
  }
}

bool same_name(const std::string& a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool is_loopback(const std::string& host) {
  return same_name(host, "localhost") || host == "::1" || (host.starts_with("127.") && is_ip_address(host));
}

}  // namespace

HttpServer::HttpServer(const HttpConfig& config, Routes routes)
    : config_(config),
      routes_(std::move(routes)),
      server_("http", bind_address(config), config.max_connections, [this](auto& connection) { serve(connection); }) {}

void HttpServer::serve(ConnectionServer::Connection& connection) {
  const std::string local_host = greenrt::SocketAddress::local_of(connection.stream().fd()).host();
  serve_http(connection, config_.request_timeout, [&](const HttpRequest& request) {
    HttpResponse response = respond(request, local_host);
    ++responses_[response.status];
    log::debug("http_request", {{"method", request.method}, {"path", request.path}, {"status", response.status}});
    return response;
  });
}

HttpResponse HttpServer::respond(const HttpRequest& request, std::string_view local_host) {
  if (!host_allowed(request.host, local_host)) {
    return {.status = 421, .body = "This server has another name; see http.allowed_hosts in its configuration.\n"};
  }
  const auto route = routes_.find(request.path);
  if (route == routes_.end()) return {.status = 404, .body = "There is nothing here.\n"};
  if (request.method != "GET" && request.method != "HEAD") {
    return {.status = 405, .body = "Only GET and HEAD are answered here.\n", .allow = "GET, HEAD"};
  }
  try {
    return route->second(request);
  } catch (const std::exception& error) {
    log::write_limited(LogLevel::kError, "http_handler_failed", {{"path", route->first}, {"error", error.what()}});
    return {.status = 500, .body = "This could not be answered; the log has the reason.\n"};
  }
}

bool HttpServer::host_allowed(std::string_view host, std::string_view local_host) const {
  const auto parsed = parse_host_port(host, kAnyPort);
  if (!parsed) return false;
  const std::string& name = parsed->host;
  return is_loopback(name) || same_name(name, local_host) || same_name(name, config_.address) ||
         std::any_of(config_.allowed_hosts.begin(), config_.allowed_hosts.end(),
                     [&](const std::string& allowed) { return same_name(name, allowed); });
}

void HttpServer::declare_metrics(Metrics& metrics) const {
  metrics.counter("hilera_http_responses_total", "Answers of the HTTP server.", [this](Metrics::Samples& samples) {
    for (const auto& [status, count] : responses_)
      samples.add({{"status", std::to_string(status)}}, count);
  });
  metrics.counter("hilera_http_connections_refused_total", "Connections closed at once because there were too many.",
                  &server_.stats().refused);
}

}  // namespace hilera
