#include "daemon/pool_options.h"

#include <chrono>

#include "daemon/logging.h"
#include "daemon/secret.h"

namespace hilera {
namespace {

// Frames wait for the first connection after an outage. A try a second costs the server nothing that it would notice,
// where the pool's own default could leave the frames waiting for half a minute longer than the outage.
constexpr std::chrono::seconds kLongestBackOff{1};

}  // namespace

db::PoolOptions pool_options(const DatabaseConfig& config) {
  db::PoolOptions options;
  options.connections = config.connections;
  options.back_off_max = kLongestBackOff;
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
