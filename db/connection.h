// Connection: one session on a MariaDB server, used like a blocking one by greenlets.
//
// Made by a Dialer, lent out by a ConnectionPool. Where a call waits for the server, it yields to the hub (through
// Connector/C's MARIADB_OPT_IO_WAIT), with and without TLS. One greenlet at a time: another one throws ConcurrentUse.
//
// Session: utf8mb4, sql_mode STRICT_ALL_TABLES, time zone +00:00, READ COMMITTED, autocommit, innodb_lock_wait_timeout,
// max_statement_time; no LOCAL INFILE, no reconnecting behind the caller's back, no several statements in one text.
//
// Deadlines: each call ends by its deadline or the session's query_timeout, whichever is sooner, with DeadlineError.
//
// Broken: after a lost connection, a deadline, or a kill or Timeout while a call waits, the server's answer is still
// due and nobody will read it, so the connection is broken for good: its socket is shut down, every further call throws
// an Error of class kReconnect. Errors that the server reports for a statement leave it usable.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "db/connect_options.h"
#include "db/error.h"
#include "db/rows.h"
#include "db/server_process.h"
#include "db/statement.h"
#include "db/value.h"
#include "greenrt/deadline.h"
#include "greenrt/fd_watcher.h"

struct st_mysql;

namespace db {

class StatementCache;
struct Session;

class Connection {
 public:
  // Takes over an open session (see session.h). All connections of a Dialer share their options.
  Connection(Session session, std::shared_ptr<const ConnectOptions> options);
  // Closes. Never yields: what cannot be said to the server at once is not said.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Yields. One statement as text: execute() gives the number of affected rows, query() the result.
  std::uint64_t execute(std::string_view sql, greenrt::Deadline deadline = greenrt::Deadline::never());
  Rows query(std::string_view sql, greenrt::Deadline deadline = greenrt::Deadline::never());

  // Yields. The same as a prepared statement, which is kept for the next call with the same text.
  Rows execute(std::string_view sql, std::span<const Value> values,
               greenrt::Deadline deadline = greenrt::Deadline::never());
  Rows execute(std::string_view sql, std::initializer_list<Value> values,
               greenrt::Deadline deadline = greenrt::Deadline::never()) {
    return execute(sql, std::span(values.begin(), values.size()), deadline);
  }
  Rows execute_bulk(std::string_view sql, const Bulk& bulk, greenrt::Deadline deadline = greenrt::Deadline::never());

  // Yields unless the statement is kept from an earlier use. Valid until prepare() is called with another text: the
  // least recently used statement makes room for a new one.
  Statement& prepare(std::string_view sql, greenrt::Deadline deadline = greenrt::Deadline::never());

  // Yields until the server has answered.
  void ping(greenrt::Deadline deadline = greenrt::Deadline::never());

  // Breaks the connection on purpose. Never yields.
  void discard();
  [[nodiscard]] bool broken() const { return broken_; }

  // Idle, not broken, and the server has neither closed it nor sent anything unasked. One system call, never yields.
  [[nodiscard]] bool usable() const;

  // A transaction is open, as of the last answer of the server.
  [[nodiscard]] bool in_transaction() const;

  // Ended by the server or the way to it, and not by us; also when that is found out only now. One system call.
  [[nodiscard]] bool lost() const { return lost_ || !(broken_ || busy_ || usable()); }
  // A call got no answer in time.
  [[nodiscard]] bool hung() const { return hung_; }
  // Why nothing can be stored on the server, as it has said itself in answer to a statement; empty when it has not.
  [[nodiscard]] const std::string& host_trouble() const { return host_trouble_; }

  // When a Transaction was last committed on it, as far as the server has answered.
  [[nodiscard]] greenrt::Clock::time_point last_commit() const { return last_commit_; }

  [[nodiscard]] const ServerProcess& server() const { return server_; }
  [[nodiscard]] const std::string& server_version() const { return server_version_; }
  [[nodiscard]] std::size_t max_allowed_packet() const { return max_allowed_packet_; }
  [[nodiscard]] std::uint64_t thread_id() const;
  // The cipher in use; empty without TLS.
  [[nodiscard]] std::string tls_cipher() const;
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] greenrt::Clock::time_point connected_at() const { return connected_at_; }

  class Use;  // internal, see connection_use.h

 private:
  friend class Statement;
  friend class Transaction;

  void break_off();
  void note_error(const Error& error);

  std::shared_ptr<const ConnectOptions> options_;
  st_mysql* handle_;
  int fd_;  // ours: a duplicate of Connector/C's descriptor, which that closes whenever it finds the connection lost
  std::unique_ptr<greenrt::FdWatcher> watcher_;
  std::unique_ptr<StatementCache> statements_;
  Endpoint endpoint_;
  ServerProcess server_;
  std::string server_version_;
  std::size_t max_allowed_packet_;
  greenrt::Clock::time_point connected_at_ = greenrt::Clock::now();
  bool busy_ = false;
  bool broken_ = false;
  bool lost_ = false;
  bool hung_ = false;
  greenrt::Clock::time_point last_commit_{};
  std::string host_trouble_;
};

}  // namespace db
