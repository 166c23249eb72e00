#include "daemon/database_monitor.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "daemon/logging.h"
#include "db/error.h"
#include "db/schema.h"

namespace hilera {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kLookEvery{5};
constexpr seconds kTimeLimit{10};
constexpr milliseconds kFirstPause{250};
constexpr seconds kLongestPause{5};

}  // namespace

DatabaseMonitor::DatabaseMonitor(db::ConnectionPool& pool) : pool_(pool) {
  greenlet_ = greenrt::spawn([this] { run(); });
  greenlet_->set_name("database monitor");
}

DatabaseMonitor::~DatabaseMonitor() {
  stop();
}

void DatabaseMonitor::stop() {
  if (greenlet_) std::exchange(greenlet_, nullptr)->kill();
}

void DatabaseMonitor::run() {
  greenrt::Duration pause = kFirstPause;
  while (true) {
    try {
      look();
      set_state("");
      pause = kLookEvery;
    } catch (const db::PoolClosed&) {
      return;
    } catch (const std::runtime_error& error) {
      if (healthy_) pause = kFirstPause;
      schema_checked_ = false;
      set_state(pool_.last_error().empty() ? error.what() : pool_.last_error());
      pause = std::min<greenrt::Duration>(pause * 2, kLongestPause);
    }
    greenrt::sleep(pause);
  }
}

void DatabaseMonitor::look() {
  const greenrt::Deadline deadline(kTimeLimit);
  const db::Lease connection = pool_.acquire(deadline);
  connection->ping(deadline);
  if (!schema_checked_) require_schema(*connection);
  schema_checked_ = true;
}

void DatabaseMonitor::require_schema(db::Connection& connection) {
  db::SchemaStatus status = db::check_schema(connection, kTimeLimit);
  if (status.state == db::SchemaState::kMissing || status.state == db::SchemaState::kOlder) {
    try {
      status = db::apply_schema(connection, {}, kTimeLimit);
      log::info("schema_applied", {{"version", status.found}});
    } catch (const db::Error& error) {
      throw std::runtime_error("the tables are " + std::string(db::to_string(status.state)) + " (" + error.what() +
                               "): run `hileractl schema apply`");
    }
  }
  if (status.state != db::SchemaState::kCurrent) {
    throw std::runtime_error("the tables have version " + std::to_string(status.found) + ", this program knows " +
                             std::to_string(status.expected));
  }
}

void DatabaseMonitor::set_state(std::string problem) {
  const bool healthy = problem.empty();
  if (healthy && !healthy_) log::info("database_ready");
  if (!healthy && problem != problem_) log::warning("database_unavailable", {{"error", problem}});
  healthy_ = healthy;
  problem_ = std::move(problem);
}

}  // namespace hilera
