#include "daemon/database_monitor.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "daemon/logging.h"
#include "db/error.h"
#include "db/schema.h"

namespace hilera {

DatabaseMonitor::DatabaseMonitor(const db::ConnectOptions& options, const Pace& pace)
    : dialer_(options, 1), pace_(pace) {
  greenlet_ = greenrt::spawn([this] { run(); });
  greenlet_->set_name("database monitor");
}

DatabaseMonitor::~DatabaseMonitor() {
  const greenrt::Shield shield;
  stop();
}

void DatabaseMonitor::stop() {
  if (greenlet_) std::exchange(greenlet_, nullptr)->kill();
  connection_.reset();
}

void DatabaseMonitor::run() {
  greenrt::Duration pause = pace_.first_pause;
  while (true) {
    try {
      look();
      set_problem("");
      pause = pace_.first_pause;
      greenrt::sleep(pace_.look_every);
      continue;
    } catch (const std::exception& error) {
      set_problem(error.what());
    }
    greenrt::sleep(pause);
    pause = std::min(pause * 2, pace_.look_every);
  }
}

void DatabaseMonitor::look() {
  const greenrt::Deadline deadline(pace_.time_limit);
  require_schema(connection(deadline), deadline);
}

db::Connection& DatabaseMonitor::connection(greenrt::Deadline deadline) {
  if (connection_ && connection_->usable()) return *connection_;
  // A node that has let us down is the last one to be asked again.
  if (connection_ && connection_->breaking_code() != 0) dialer_.move_on_from(connection_->endpoint());
  connection_.reset();
  connection_ = dialer_.connect(deadline);
  return *connection_;
}

void DatabaseMonitor::require_schema(db::Connection& connection, greenrt::Deadline deadline) {
  db::SchemaStatus status = db::check_schema(connection, deadline);
  if (status.state == db::SchemaState::kMissing || status.state == db::SchemaState::kOlder) {
    try {
      status = db::apply_schema(connection, {}, deadline);
      log::info("schema_applied", {{"version", status.found}});
    } catch (const db::Error& error) {
      if (error.error_class() != db::ErrorClass::kStopAndAlarm) throw;
      throw std::runtime_error("the tables are " + std::string(db::to_string(status.state)) + " (" + error.what() +
                               "): run `hileractl schema apply`");
    }
  }
  if (status.state != db::SchemaState::kCurrent) {
    throw std::runtime_error("the tables have version " + std::to_string(status.found) + ", this program knows " +
                             std::to_string(status.expected));
  }
}

void DatabaseMonitor::set_problem(std::string problem) {
  if (problem == problem_) return;
  if (problem.empty()) {
    log::info("database_ready");
  } else {
    log::warning("database_unavailable", {{"error", problem}});
  }
  problem_ = std::move(problem);
}

}  // namespace hilera
