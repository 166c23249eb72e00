#include "daemon/database_monitor.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "daemon/logging.h"
#include "db/error.h"
#include "db/host_check.h"
#include "db/schema.h"
#include "greenrt/hub.h"

namespace hilera {

DatabaseMonitor::DatabaseMonitor(const db::ConnectOptions& options, const Pace& pace,
                                 std::shared_ptr<db::HostChoice> hosts)
    : HostWatcher(hosts ? std::move(hosts) : std::make_shared<db::HostChoice>(options.endpoints)),
      dialer_(options, 1, shared_hosts()),
      pace_(pace) {
  greenlet_ = greenrt::spawn([this] { run(); });
  greenlet_->set_name("database monitor");
  greenlet_->set_kind(greenrt::Hub::current().kind("database monitor"));
}

DatabaseMonitor::~DatabaseMonitor() {
  const greenrt::Shield shield;
  stop();
}

void DatabaseMonitor::stop() {
  if (greenlet_) std::exchange(greenlet_, nullptr)->kill();
  connection_.reset();
}

// What may be waiting for the answer of a server that gives none has to look at the next one.
void DatabaseMonitor::on_host_left() {
  if (connection_ && connection_->endpoint() != hosts().current()) connection_->discard();
}

void DatabaseMonitor::on_host_changed(const db::Endpoint& from, const db::Endpoint& to, const std::string& why) {
  log::warning("database_host_changed", {{"from", from.to_string()}, {"to", to.to_string()}, {"why", why}});
}

// The tables of another server, or of one that was restarted, may be others.
void DatabaseMonitor::on_loss() {
  gate_.close({});
  look_now_.set();
  if (connection_ && !db::is_same_process(connection_->server(), *hosts().server())) connection_->discard();
}

void DatabaseMonitor::run() {
  greenrt::Duration pause = pace_.first_pause;
  while (true) {
    look_now_.clear();
    try {
      look();
      set_problem("");
      pause = pace_.first_pause;
      look_now_.wait(pace_.look_every);
      continue;
    } catch (const db::Error& error) {
      const bool refused = error.error_class() == db::ErrorClass::kStopAndAlarm;
      trouble_ = refused ? DatabaseTrouble::kRefused : DatabaseTrouble::kAway;
      set_problem(error.what());
    } catch (const std::exception& error) {
      set_problem(error.what());
    }
    if (connection_ && !connection_->usable()) drop_connection();
    look_now_.wait(pause);
    pause = std::min(pause * 2, pace_.longest_pause);
  }
}

void DatabaseMonitor::look() {
  const greenrt::Deadline deadline(pace_.time_limit);
  db::Connection& connection = this->connection(deadline);
  require_fit_host(connection, deadline);
  require_schema(connection, deadline);
  if (connection.endpoint() == hosts().current()) gate_.open();
}

db::Connection& DatabaseMonitor::connection(greenrt::Deadline deadline) {
  if (!connection_ || !connection_->usable() || connection_->endpoint() != hosts().current()) {
    drop_connection();
    connection_ = dialer_.connect(deadline);
  }
  return *connection_;
}

void DatabaseMonitor::drop_connection() {
  const auto gone = std::exchange(connection_, nullptr);
  if (!gone) return;
  if (!gone->host_trouble().empty()) hosts().leave(gone->endpoint(), gone->host_trouble());
  if (gone->hung()) hosts().note_hang(gone->endpoint(), greenrt::Clock::now() - pace_.time_limit);
  if (gone->lost()) hosts().note_end(gone->server());
}

void DatabaseMonitor::require_fit_host(db::Connection& connection, greenrt::Deadline deadline) {
  const std::string why = db::unfit_because(db::ask_host(connection, deadline));
  if (why.empty()) return;
  hosts().leave(connection.endpoint(), why);
  trouble_ = DatabaseTrouble::kUnfit;
  throw std::runtime_error(connection.endpoint().to_string() + ": " + why);
}

void DatabaseMonitor::require_schema(db::Connection& connection, greenrt::Deadline deadline) {
  db::SchemaStatus status = db::check_schema(connection, deadline);
  if (status.state == db::SchemaState::kMissing || status.state == db::SchemaState::kOlder) {
    try {
      status = db::apply_schema(connection, {}, deadline);
      log::info("schema_applied", {{"version", status.found}});
    } catch (const db::Error& error) {
      if (error.error_class() != db::ErrorClass::kStopAndAlarm) throw;
      refuse_tables("the tables are " + std::string(db::to_string(status.state)) + " (" + error.what() +
                    "): run `hileractl schema apply`");
    }
  }
  if (status.state != db::SchemaState::kCurrent) {
    refuse_tables("the tables have version " + std::to_string(status.found) + ", this program knows " +
                  std::to_string(status.expected));
  }
}

void DatabaseMonitor::refuse_tables(const std::string& why) {
  gate_.close(why);
  trouble_ = DatabaseTrouble::kTables;
  throw std::runtime_error(why);
}

void DatabaseMonitor::set_problem(std::string problem) {
  if (!gate_.is_open()) gate_.close(problem);
  if (problem == problem_) return;
  if (problem.empty()) {
    log::info("database_ready");
  } else {
    log::warning("database_unavailable", {{"error", problem}});
  }
  problem_ = std::move(problem);
}

}  // namespace hilera
