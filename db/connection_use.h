// Connection::Use: one call on a connection, from the check that it may be made to the error it ends with.
//
// Internal to db/. Around every call into Connector/C that talks to the server: marks the connection busy, gives the
// waits their deadline, and turns what went wrong into exceptions, breaking the connection where that is due.

#pragma once

#include <string>
#include <string_view>

#include "db/connection.h"
#include "db/io_wait.h"

struct st_mysql_stmt;

namespace db {

class Connection::Use {
 public:
  // Throws ConcurrentUse when another greenlet is at it, Error when the connection is broken, DeadlineError when the
  // deadline has passed already (the connection stays usable: nothing was sent).
  Use(Connection& connection, greenrt::Deadline deadline);
  ~Use() { connection_.busy_ = false; }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  // To be called with the outcome of each function of the library: returns if that, and every wait in it, went well.
  void check(bool succeeded) {
    if (!succeeded || io_.failed()) fail();
  }
  void check(st_mysql_stmt* statement, bool succeeded) {
    if (!succeeded || io_.failed()) fail(statement);
  }

 private:
  static Connection& admit(Connection& connection, greenrt::Deadline deadline);
  [[noreturn]] void fail();
  [[noreturn]] void fail(st_mysql_stmt* statement);
  [[noreturn]] void fail(unsigned code, std::string_view sqlstate, const char* message);
  void rethrow_if_interrupted();

  Connection& connection_;
  IoCall io_;
};

}  // namespace db
