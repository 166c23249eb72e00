#include "daemon/pool_options.h"

#include "daemon/logging.h"
#include "daemon/secret.h"

namespace hilera {

db::PoolOptions pool_options(const DatabaseConfig& config) {
  db::PoolOptions options;
  options.connections = config.connections;
  db::ConnectOptions& connect = options.connect;
  if (!config.socket.empty()) connect.endpoints.push_back({.socket = config.socket});
  for (const HostPort& each : config.hosts)
    connect.endpoints.push_back({.host = each.host, .port = each.port});
  connect.user = config.user;
  if (!config.password_file.empty()) {
    Secret secret = read_secret(config.password_file);
    if (!secret.warning.empty()) log::warning("password_file", {{"detail", secret.warning}});
    connect.password = std::move(secret.value);
  }
  connect.database = config.name;
  connect.connect_timeout = config.connect_timeout;
  connect.query_timeout = config.query_timeout;
  if (config.tls) connect.tls = db::TlsOptions{.ca_file = config.tls->ca, .verify_server = config.tls->verify};
  return options;
}

}  // namespace hilera
