// What the tests against a real server share: ways to connect to PrivateMariadb::shared().

#pragma once

#include <chrono>
#include <memory>
#include <string>

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

// Until the server has noticed that they have gone.
inline void wait_for_sessions(int count) {
  while (sessions() != count)
    greenrt::yield();
}

// Until the session executes a statement that begins with `text`.
inline void wait_until_executing(std::uint64_t thread_id, const std::string& text) {
  while (server().sql("SELECT COUNT(*) FROM information_schema.processlist WHERE id = " + std::to_string(thread_id) +
                      " AND info LIKE '" + text + "%'") != "1\n")
    greenrt::yield();
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
    ::db::testing::server();                                \
    ::greenrt::testing::run_in_hub(&suite##_##name##_body); \
  }                                                         \
  static void suite##_##name##_body()
