// How to reach the database, and what every session on it is set to. Plain data.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "db/error.h"
#include "greenrt/deadline.h"

namespace db {

// One server: a Unix socket when `socket` is set, else host and port.
struct Endpoint {
  std::string host;  // name or numeric address
  std::uint16_t port = 3306;
  std::string socket;

  // "host:port", "[host]:port", or the path of the socket.
  [[nodiscard]] std::string to_string() const;
  bool operator==(const Endpoint&) const = default;
};

// TLS is enforced: without it no connection is made over TCP. A Unix socket does without.
struct TlsOptions {
  std::string ca_file;        // empty: the system's certificate authorities
  bool verify_server = true;  // certificate chain and name
};

// From a name to numeric addresses, best first. Blocks, on a thread of its own; throws std::exception.
using Resolver = std::function<std::vector<std::string>(const std::string& host)>;

struct ConnectOptions {
  std::vector<Endpoint> endpoints;  // tried in order, for failover
  std::string user;
  std::string password;
  std::string database;  // may be empty
  std::optional<TlsOptions> tls;

  // For one endpoint: name resolution, connection, TLS, login, session settings.
  greenrt::Duration connect_timeout = std::chrono::seconds(5);
  // The upper bound of every call. The server gives up a little earlier by itself (max_statement_time).
  greenrt::Duration query_timeout = std::chrono::seconds(30);
  std::chrono::seconds lock_wait_timeout{5};

  std::size_t statement_cache = 32;  // prepared statements kept by each connection

  Resolver resolver;                           // empty: getaddrinfo
  std::function<void(const Error&)> on_error;  // sees every db::Error that a connection throws. Must not yield or throw
};

}  // namespace db
