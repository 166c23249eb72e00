// A blocking library made cooperative: the client of MariaDB waits through a hook, and the hook is a wait of greenrt.
// What gevent does by patching the standard library, C++ does where a library lets one in.

#include <mysql.h>
#include <poll.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "greenrt/greenlet.h"
#include "greenrt/greenlet_local.h"
#include "greenrt/group.h"
#include "greenrt/hub.h"
#include "greenrt/poll.h"
#include "tests/support/private_mariadb.h"

using namespace std::chrono_literals;
using db::testing::PrivateMariadb;
using Connection = std::unique_ptr<MYSQL, decltype(&mysql_close)>;

// What was thrown into a greenlet while it waited inside of the library. Nothing may fly through frames of C.
greenrt::GreenletLocal<std::exception_ptr> thrown;

// Connector/C calls this where it would call poll(2): 1 when the socket is ready, 0 when waiting has failed.
int wait_in_greenlet(my_socket fd, my_bool for_reading, int /*timeout*/) {
  pollfd socket{.fd = fd, .events = static_cast<short>(for_reading ? POLLIN : POLLOUT), .revents = 0};
  try {
    greenrt::poll(std::span(&socket, 1));  // every other greenlet goes on
    return 1;
  } catch (...) {
    *thrown = std::current_exception();
    errno = EINTR;
    return 0;
  }
}

[[noreturn]] void fail(MYSQL* connection) {
  if (const std::exception_ptr exception = std::exchange(*thrown, nullptr)) std::rethrow_exception(exception);
  throw std::runtime_error(mysql_error(connection));
}

Connection connect(const PrivateMariadb& server, bool cooperative) {
  Connection connection(mysql_init(nullptr), &mysql_close);
  if (cooperative) mysql_optionsv(connection.get(), MARIADB_OPT_IO_WAIT, &wait_in_greenlet);
  if (!mysql_real_connect(connection.get(), nullptr, PrivateMariadb::kUser, PrivateMariadb::kPassword, nullptr, 0,
                          server.socket().c_str(), 0))
    fail(connection.get());
  return connection;
}

std::string query(MYSQL* connection, const std::string& statement) {
  if (mysql_query(connection, statement.c_str()) != 0) fail(connection);
  const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(mysql_store_result(connection),
                                                                        &mysql_free_result);
  if (!result) fail(connection);
  const MYSQL_ROW row = mysql_fetch_row(result.get());
  return row && row[0] ? row[0] : "";
}

template <typename Function>
double milliseconds(Function function) {
  const auto start = std::chrono::steady_clock::now();
  function();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void show(const PrivateMariadb& server) {
  int turns = 0;
  greenrt::Group group;
  group.spawn([&turns] {
    for (;; ++turns)
      greenrt::sleep(1ms);
  });

  const Connection plain = connect(server, false);
  greenrt::yield();
  turns = 0;
  query(plain.get(), "SELECT SLEEP(0.1)");
  std::printf("without the hook, the others had %s\n", turns == 0 ? "no turn" : "a turn?");

  std::vector<Connection> connections;
  for (int i = 0; i < 5; ++i)
    connections.push_back(connect(server, true));
  turns = 0;
  const double one_by_one = milliseconds([&] {
    for (const Connection& connection : connections)
      query(connection.get(), "SELECT SLEEP(0.1)");
  });
  std::printf("with it, they had %s\n", turns > 0 ? "some" : "none?");

  const double at_once = milliseconds([&] {
    std::vector<greenrt::GreenletRef> queries;
    for (const Connection& connection : connections)
      queries.push_back(greenrt::spawn([&connection] { query(connection.get(), "SELECT SLEEP(0.1)"); }));
    greenrt::join_all(queries);
  });
  std::printf("5 queries one by one: %.0f ms\n", one_by_one);
  std::printf("5 queries at once: %.0f ms, which is %s\n", at_once, at_once < one_by_one / 2 ? "less" : "no less?");

  const auto given_up = greenrt::spawn([&] { query(connections.front().get(), "SELECT SLEEP(100)"); });
  greenrt::sleep(10ms);
  given_up->kill(5s);
  std::printf("killed in the middle of a query: %s\n", given_up->ready() ? "it has ended at once" : "it goes on?");
  std::printf("and the others still work: %s\n", query(connections.back().get(), "SELECT 6 * 7").c_str());
  group.kill();
}

int main() {
  PrivateMariadb server;
  greenrt::Hub hub;
  hub.run([&server] { show(server); });
}
