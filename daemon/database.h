// Database: the connections to MariaDB, and what lives on them beside the storing of records: the watch over the
// server, the table of downlinks, and that of dead letters.

#pragma once

#include <memory>
#include <string>

#include "daemon/database_monitor.h"
#include "daemon/dead_letter_table.h"
#include "daemon/downlink_table.h"
#include "db/pool.h"

namespace hilera {

class Database {
 public:
  // Starts the watch; the pool connects nothing yet.
  Database(const std::string& collector, db::PoolOptions options,
           greenrt::Duration answer_timeout = DownlinkTable::kAnswerTimeout);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  [[nodiscard]] db::ConnectionPool& pool() { return pool_; }
  [[nodiscard]] const db::ConnectionPool& pool() const { return pool_; }
  [[nodiscard]] DownlinkTable& downlinks() { return downlinks_; }
  [[nodiscard]] const DownlinkTable& downlinks() const { return downlinks_; }
  [[nodiscard]] DeadLetterTable& dead_letters() { return dead_letters_; }
  [[nodiscard]] const DeadLetterTable& dead_letters() const { return dead_letters_; }
  [[nodiscard]] const DatabaseMonitor& monitor() const { return monitor_; }
  [[nodiscard]] StoreGate& gate() { return monitor_.gate(); }
  // Of all its connections, and of attempts to make one.
  [[nodiscard]] const db::ErrorCounts& errors() const { return *errors_; }

  // For an end at once: closes the pool, and breaks off the mark of a downlink that is under way, which nothing else
  // could end. Never yields. Idempotent.
  void give_up();

  // The same, and ends the watch. Yields. Idempotent.
  void close();

 private:
  std::shared_ptr<db::ErrorCounts> errors_ = std::make_shared<db::ErrorCounts>();  // a lease may outlive all of this
  db::ConnectionPool pool_;
  DatabaseMonitor monitor_;
  DownlinkTable downlinks_;
  DeadLetterTable dead_letters_;
};

}  // namespace hilera
