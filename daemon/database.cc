#include "daemon/database.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace hilera {
namespace {

// Shorter than the lease of a downlink, so that nobody else takes it over while a call is under way.
constexpr std::chrono::seconds kDownlinkTimeLimit{20};

db::PoolOptions with_errors_counted(db::PoolOptions options, const std::shared_ptr<db::ErrorCounts>& errors) {
  options.connect.on_error = [errors](const db::Error& error) { errors->count(error.error_class()); };
  return options;
}

}  // namespace

Database::Database(const std::string& collector, db::PoolOptions options, greenrt::Duration answer_timeout)
    : pool_(options = with_errors_counted(std::move(options), errors_)),
      monitor_(options.connect, {}, pool_.hosts()),
      downlinks_(collector, pool_, std::min<greenrt::Duration>(options.connect.query_timeout, kDownlinkTimeLimit),
                 &monitor_.gate(), answer_timeout),
      dead_letters_(pool_, options.connect.query_timeout, &monitor_.gate()) {}

void Database::give_up() {
  pool_.close();
  downlinks_.break_off();
}

void Database::close() {
  give_up();
  monitor_.stop();
}

}  // namespace hilera
