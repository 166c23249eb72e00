// Statement: a statement prepared on one connection, with parameters and typed results.
//
// Belongs to its connection, which keeps it for the next use (see Connection::prepare). The execute calls yield until
// the server has answered and the whole result is read; they throw db::Error, and are ended by a kill or a deadline as
// all calls of Connection are.

#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string_view>

#include "db/bulk.h"
#include "db/rows.h"
#include "db/value.h"
#include "greenrt/deadline.h"

struct st_mysql_stmt;

namespace db {

class Connection;

class Statement {
 public:
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  [[nodiscard]] std::size_t parameters() const;

  // Once, with one value for each parameter. Throws std::invalid_argument when their number is wrong.
  Rows execute(std::span<const Value> values, greenrt::Deadline deadline = greenrt::Deadline::never());
  Rows execute(std::initializer_list<Value> values = {}, greenrt::Deadline deadline = greenrt::Deadline::never()) {
    return execute(std::span(values.begin(), values.size()), deadline);
  }

  // Once for each row of `bulk`, in one request (no rows: no request). The result has what RETURNING gives, one row for
  // each row sent, in the order of sending. When the server refuses a row, those before it may have been stored: run it
  // in a transaction.
  Rows execute_bulk(const Bulk& bulk, greenrt::Deadline deadline = greenrt::Deadline::never());

 private:
  friend class Connection;
  Statement(Connection& connection, st_mysql_stmt* handle) : connection_(connection), handle_(handle) {}

  Connection& connection_;
  st_mysql_stmt* handle_;
};

}  // namespace db
