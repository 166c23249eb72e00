// DatabaseMonitor: a greenlet that knows whether records can be stored: the database answers and has our tables.
//
// At start, and after every outage, it checks the schema; where tables are missing or old it tries to make them, which
// works only if the database user may, and otherwise says what to do. While all is well it looks every few seconds, so
// that a database that went away without traffic is noticed, too. Changes of state are logged once.

#pragma once

#include <string>

#include "db/pool.h"
#include "greenrt/greenlet.h"

namespace hilera {

class DatabaseMonitor {
 public:
  // `pool` must outlive it. Starts its greenlet.
  explicit DatabaseMonitor(db::ConnectionPool& pool);
  ~DatabaseMonitor();
  DatabaseMonitor(const DatabaseMonitor&) = delete;
  DatabaseMonitor& operator=(const DatabaseMonitor&) = delete;

  [[nodiscard]] bool healthy() const { return healthy_; }
  // Why not, for people; empty when healthy.
  [[nodiscard]] const std::string& problem() const { return problem_; }

  // Ends the greenlet. Idempotent. Yields.
  void stop();

 private:
  void run();
  void look();
  void require_schema(db::Connection& connection);
  void set_state(std::string problem);

  db::ConnectionPool& pool_;
  bool healthy_ = false;
  bool schema_checked_ = false;
  std::string problem_ = "not connected yet";
  greenrt::GreenletRef greenlet_;
};

}  // namespace hilera
