// What the tests against a real server share: ways to connect to PrivateMariadb::shared().

#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "db/dialer.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/private_mariadb.h"

namespace db::testing {

inline PrivateMariadb& server() {
  return PrivateMariadb::shared();
}

inline ConnectOptions tcp_options(const std::string& database = {}) {
  ConnectOptions options;
  options.endpoints = {{.host = "127.0.0.1", .port = server().port(), .socket = {}}};
  options.user = PrivateMariadb::kUser;
  options.password = PrivateMariadb::kPassword;
  options.database = database;
  return options;
}

inline ConnectOptions socket_options(const std::string& database = {}) {
  ConnectOptions options = tcp_options(database);
  options.endpoints = {{.host = {}, .port = 0, .socket = server().socket()}};
  return options;
}

inline ConnectOptions tls_options(const std::string& database = {}) {
  ConnectOptions options = tcp_options(database);
  options.tls = TlsOptions{.ca_file = server().ca_file(), .verify_server = true};
  return options;
}

inline std::unique_ptr<Connection> connect(const ConnectOptions& options) {
  return Dialer(options).connect();
}

// Over TCP, in a new database.
inline std::unique_ptr<Connection> connect() {
  return connect(tcp_options(server().new_database()));
}

// How many sessions of the test account the server has.
inline int sessions() {
  return std::stoi(server().sql("SELECT COUNT(*) FROM information_schema.processlist WHERE user = '" +
                                std::string(PrivateMariadb::kUser) + "'"));
}

// Ends what earlier tests of this process have left on the server, which may be slow to notice that a client has gone.
inline void end_sessions() {
  static bool first = true;
  PrivateMariadb& running = server();
  if (!std::exchange(first, false)) running.sql("KILL USER " + std::string(PrivateMariadb::kUser));
}

// Until the server has noticed that they have gone.
inline void wait_for_sessions(int count) {
  while (sessions() != count)
    greenrt::yield();
}

// Until the session's line in the processlist meets `condition`. Throws when the session ends instead.
inline void wait_for_session(std::uint64_t thread_id, const std::string& condition) {
  while (true) {
    const std::string met = server().sql(
        "SELECT " + condition + " FROM information_schema.processlist WHERE id = " + std::to_string(thread_id));
    if (met == "1\n") return;
    if (met.empty()) throw std::runtime_error("the session ended before it met: " + condition);
    greenrt::yield();
  }
}

// Until the session executes a statement that begins with `text`.
inline void wait_until_executing(std::uint64_t thread_id, const std::string& text) {
  wait_for_session(thread_id, "COALESCE(info, '') LIKE '" + text + "%'");
}

// Until the server has an age by which it can be told from one that takes its place now (server_process.h).
inline void wait_until_old() {
  server().sql(
      "SELECT SLEEP(GREATEST(0, 4 - VARIABLE_VALUE)) FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = "
      "'UPTIME'");
}

// The error that `call` ends with.
template <typename Call>
Error error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no db::Error was thrown";
  return {ErrorClass::kWait, "none"};
}

}  // namespace db::testing

// A HUB_TEST with a server that has been started before, so that nothing of it counts as left behind.
#define SERVER_TEST(suite, name)                            \
  static void suite##_##name##_body();                      \
  TEST(suite, name) {                                       \
    ::db::testing::end_sessions();                          \
    ::greenrt::testing::run_in_hub(&suite##_##name##_body); \
  }                                                         \
  static void suite##_##name##_body()
