// DatabaseMonitor: a greenlet that knows whether records can be stored: the database answers and has our tables.
//
// It has a connection of its own, beside those of the pool, so that it is not kept waiting when all of them are busy,
// and does not take a busy database for one that is away. It looks every few seconds; where tables are missing or old
// it tries to make them, which works only if the database user may, and otherwise says what to do and goes on looking.
// Changes of state are logged once.

#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "db/connection.h"
#include "db/dialer.h"
#include "greenrt/greenlet.h"

namespace hilera {

class DatabaseMonitor {
 public:
  struct Pace {
    greenrt::Duration look_every = std::chrono::seconds(5);          // while all is well, and at most when it is not
    greenrt::Duration first_pause = std::chrono::milliseconds(250);  // after a failure; doubles
    greenrt::Duration time_limit = std::chrono::seconds(10);         // for one look
  };

  // Starts its greenlet.
  explicit DatabaseMonitor(const db::ConnectOptions& options) : DatabaseMonitor(options, Pace()) {}
  DatabaseMonitor(const db::ConnectOptions& options, const Pace& pace);
  ~DatabaseMonitor();
  DatabaseMonitor(const DatabaseMonitor&) = delete;
  DatabaseMonitor& operator=(const DatabaseMonitor&) = delete;

  [[nodiscard]] bool healthy() const { return problem_.empty(); }
  // Why not, for people; empty when healthy.
  [[nodiscard]] const std::string& problem() const { return problem_; }

  // Ends the greenlet. Idempotent. Yields.
  void stop();

 private:
  void run();
  void look();
  db::Connection& connection(greenrt::Deadline deadline);
  void require_schema(db::Connection& connection, greenrt::Deadline deadline);
  void set_problem(std::string problem);

  db::Dialer dialer_;
  Pace pace_;
  std::unique_ptr<db::Connection> connection_;
  std::string problem_ = "not connected yet";
  greenrt::GreenletRef greenlet_;
};

}  // namespace hilera
