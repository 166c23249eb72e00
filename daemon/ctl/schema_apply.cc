#include "daemon/ctl/schema_apply.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

#include "daemon/host_port.h"
#include "daemon/pool_options.h"
#include "db/dialer.h"

namespace hilera::ctl {

namespace {

constexpr std::uint16_t kDatabasePort = 3306;
constexpr std::chrono::minutes kMinTimeLimit{10};  // an ALTER TABLE copies the table

}  // namespace

DatabaseConfig schema_database(const CommandLine& line) {
  DatabaseConfig database;
  if (!line.config.empty()) database = load_config(line.config).database.value_or(DatabaseConfig());
  if (!line.host.empty()) {
    const auto server = parse_host_port(line.host, kDatabasePort);
    if (!server) throw std::invalid_argument("--host: expected HOST, HOST:PORT or [IPV6]:PORT, got " + line.host);
    database.hosts = {*server};
    database.socket.clear();
  }
  if (!line.socket.empty()) {
    database.socket = line.socket;
    database.hosts.clear();
    database.tls.reset();
  }
  if (database.hosts.empty() && database.socket.empty()) {
    throw std::invalid_argument("which database? Give --host, --socket, or --config with a file that has one");
  }
  if (!line.user.empty()) {
    database.user = line.user;
    database.password_file.clear();
  }
  if (!line.password_file.empty()) database.password_file = line.password_file;
  if (!line.database.empty()) database.name = line.database;
  if (!line.tls_ca.empty()) database.tls = TlsConfig{.ca = line.tls_ca};
  return database;
}

db::SchemaStatus apply_schema(const DatabaseConfig& database, bool order_audit) {
  db::ConnectOptions options = pool_options(database).connect;
  options.query_timeout = std::max<greenrt::Duration>(options.query_timeout, kMinTimeLimit);
  db::Dialer dialer(std::move(options));
  const auto connection = dialer.connect();
  return db::apply_schema(*connection, {.order_audit = order_audit}, kMinTimeLimit);
}

}  // namespace hilera::ctl
