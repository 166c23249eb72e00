#include "db/session.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <new>
#include <system_error>

#include "db/host_check.h"
#include "db/io_wait.h"

namespace db {
namespace {

[[noreturn]] void throw_error(MYSQL* handle, const IoCall& call, const Endpoint& endpoint) {
  if (call.expired()) throw DeadlineError("no session on " + endpoint.to_string() + " within the time allowed");
  throw Error(mysql_errno(handle), mysql_sqlstate(handle), endpoint.to_string() + ": " + mysql_error(handle));
}

// A little before the client's own deadline, so that the server frees what the statement holds.
std::string statement_seconds(greenrt::Duration query_timeout) {
  const double seconds = std::chrono::duration<double>(query_timeout).count() * 0.9;
  return std::to_string(std::max(seconds, 0.001));
}

std::string session_settings(const ConnectOptions& options) {
  return "SET SESSION sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00', tx_isolation = 'READ-COMMITTED', "
         "autocommit = 1, innodb_lock_wait_timeout = " +
         std::to_string(options.lock_wait_timeout.count()) +
         ", max_statement_time = " + statement_seconds(options.query_timeout);
}

bool uses_tls(const ConnectOptions& options, const Endpoint& endpoint) {
  return options.tls && endpoint.socket.empty();
}

void set_options(MYSQL* handle, const ConnectOptions& options, const Endpoint& endpoint, greenrt::Deadline deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::seconds>(std::min<greenrt::Duration>(deadline.remaining(), std::chrono::hours(1)));
  const auto connect_seconds = static_cast<unsigned>(std::max<std::int64_t>(left.count(), 1));
  const unsigned no_local_infile = 0;
  const my_bool no_reconnect = 0;
  const unsigned protocol = endpoint.socket.empty() ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET;
  mysql_optionsv(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect_seconds);
  mysql_optionsv(handle, MYSQL_OPT_LOCAL_INFILE, &no_local_infile);
  mysql_optionsv(handle, MYSQL_OPT_RECONNECT, &no_reconnect);
  mysql_optionsv(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_optionsv(handle, MARIADB_OPT_IO_WAIT, &IoCall::wait);
  mysql_optionsv(handle, MYSQL_OPT_PROTOCOL, &protocol);  // else "localhost" would mean a socket
  if (!uses_tls(options, endpoint)) return;
  const my_bool enforce = 1;
  const my_bool verify = options.tls->verify_server ? 1 : 0;
  mysql_optionsv(handle, MYSQL_OPT_SSL_ENFORCE, &enforce);
  mysql_optionsv(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  if (!options.tls->ca_file.empty()) mysql_optionsv(handle, MYSQL_OPT_SSL_CA, options.tls->ca_file.c_str());
}

HostFacts facts_of(MYSQL* handle, const IoCall& call, const Endpoint& endpoint) {
  return ask_host([&](std::string_view statement, HostFacts& facts) {
    if (mysql_real_query(handle, statement.data(), statement.size()) != 0) throw_error(handle, call, endpoint);
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(mysql_store_result(handle),
                                                                          &mysql_free_result);
    if (!result) throw_error(handle, call, endpoint);
    while (const MYSQL_ROW row = mysql_fetch_row(result.get()))
      facts.emplace(row[0], row[1] ? row[1] : "");
  });
}

void configure(Session& session, const ConnectOptions& options, const IoCall& call) {
  MYSQL* const handle = session.handle.get();
  const auto asked = greenrt::Clock::now();
  const HostFacts facts = facts_of(handle, call, session.endpoint);
  session.server = identify_server(facts, asked, greenrt::Clock::now());
  if (const std::string why = unfit_because(facts); !why.empty()) {
    throw Error(ErrorClass::kWait, session.endpoint.to_string() + ": " + why);
  }
  const std::string settings = session_settings(options);
  if (mysql_real_query(handle, settings.data(), settings.size()) != 0) throw_error(handle, call, session.endpoint);
  session.max_allowed_packet = std::strtoull(facts.at("max_allowed_packet").c_str(), nullptr, 10);
  session.server_version = mysql_get_server_info(handle);
}

// From here on no call on the handle may block its thread. Over TLS, Connector/C asks us to wait only when the
// descriptor itself is non-blocking.
void make_non_blocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    throw Error(ErrorClass::kReconnect, "O_NONBLOCK: " + std::generic_category().message(errno));
  }
}

}  // namespace

void initialise_client_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (mysql_server_init(0, nullptr, nullptr) != 0) throw std::runtime_error("Connector/C cannot be initialised");
  });
}

void CloseHandle::operator()(MYSQL* handle) const noexcept {
  const IoCall refuse_to_wait;
  mysql_close(handle);
}

Session open_session(const ConnectOptions& options, const Endpoint& endpoint, const std::string& host,
                     greenrt::Deadline deadline) {
  initialise_client_library();
  Session session{.handle = Handle(mysql_init(nullptr)), .endpoint = endpoint, .server_version = {}, .server = {}};
  MYSQL* const handle = session.handle.get();
  if (!handle) throw std::bad_alloc();
  const IoCall call(deadline);
  set_options(handle, options, endpoint, deadline);
  const bool by_socket = !endpoint.socket.empty();
  if (!mysql_real_connect(handle, by_socket ? "localhost" : host.c_str(), options.user.c_str(),
                          options.password.c_str(), options.database.empty() ? nullptr : options.database.c_str(),
                          endpoint.port, by_socket ? endpoint.socket.c_str() : nullptr, 0)) {
    throw_error(handle, call, endpoint);
  }
  if (uses_tls(options, endpoint) && !mysql_get_ssl_cipher(handle)) {
    throw Error(ErrorClass::kStopAndAlarm, endpoint.to_string() + ": the server does not speak TLS");
  }
  configure(session, options, call);
  make_non_blocking(mysql_get_socket(handle));
  return session;
}

}  // namespace db
