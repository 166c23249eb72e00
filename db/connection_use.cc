#include "db/connection_use.h"

#include "db/mariadb_api.h"
#include "greenrt/error.h"

namespace db {
namespace {

bool is_closed(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const greenrt::Closed&) {
    return true;
  } catch (...) {  // only looked at: the caller rethrows it
    return false;
  }
}

}  // namespace

Connection& Connection::Use::admit(Connection& connection, greenrt::Deadline deadline) {
  if (connection.busy_) throw greenrt::ConcurrentUse("another greenlet uses the connection");
  if (connection.broken_) throw Error(ErrorClass::kReconnect, "the connection is broken");
  if (deadline.expired()) throw DeadlineError("no time left to ask the database");
  return connection;
}

Connection::Use::Use(Connection& connection, greenrt::Deadline deadline)
    : connection_(admit(connection, deadline)),
      io_(*connection.watcher_,
          connection.options_->tls && connection.endpoint_.socket.empty() ? IoCall::Transport::kTls
                                                                          : IoCall::Transport::kPlain,
          deadline.sooner(connection.options_->query_timeout)) {
  connection_.busy_ = true;
}

void Connection::Use::rethrow_if_interrupted() {
  if (!io_.failed()) return;
  const bool discarded = connection_.broken_;
  connection_.break_off();
  if (io_.exception() && !(discarded && is_closed(io_.exception()))) std::rethrow_exception(io_.exception());
  if (io_.exception()) throw Error(ErrorClass::kReconnect, "the connection was discarded while it was in use");
  const DeadlineError error(connection_.endpoint_.to_string() + " did not answer in time");
  connection_.note_error(error);
  throw error;
}

void Connection::Use::fail() {
  fail(mysql_errno(connection_.handle_), mysql_sqlstate(connection_.handle_), mysql_error(connection_.handle_));
}

// An error that comes while a result is read is noted with the connection only.
void Connection::Use::fail(st_mysql_stmt* statement) {
  if (mysql_stmt_errno(statement) == 0) fail();
  fail(mysql_stmt_errno(statement), mysql_stmt_sqlstate(statement), mysql_stmt_error(statement));
}

void Connection::Use::fail(unsigned code, std::string_view sqlstate, const char* message) {
  rethrow_if_interrupted();
  const Error error(code, sqlstate, message);
  if (error.breaks_connection()) connection_.break_off();
  connection_.note_error(error);
  throw error;
}

}  // namespace db
