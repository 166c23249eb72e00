#include "db/schema.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "db/schema_script.h"
#include "db/schema_sql.h"

namespace db {
namespace {

constexpr unsigned kNoSuchTable = 1146;
constexpr std::string_view kLock = "CONCAT('hilera schema ', DATABASE())";

const std::vector<SchemaSection>& sections() {
  static const std::vector<SchemaSection> parsed = parse_schema_script(kSchemaSql);
  return parsed;
}

// Belongs to the session: one that is not released, because an error passes, goes with the connection.
class SchemaLock {
 public:
  // Asks again and again, because each question must end within the connection's query timeout.
  SchemaLock(Connection& connection, greenrt::Deadline deadline) : connection_(connection) {
    while (true) {
      const Rows rows = connection_.query("SELECT GET_LOCK(" + std::string(kLock) + ", 0.2)", deadline);
      if (!rows[0].is_null(0) && rows[0].int64(0) == 1) return;
      if (deadline.expired()) throw Error(ErrorClass::kWait, "another program is changing the schema");
    }
  }
  ~SchemaLock() {
    if (held_) connection_.discard();
  }
  SchemaLock(const SchemaLock&) = delete;
  SchemaLock& operator=(const SchemaLock&) = delete;

  void release(greenrt::Deadline deadline) {
    connection_.execute("DO RELEASE_LOCK(" + std::string(kLock) + ")", deadline);
    held_ = false;
  }

 private:
  Connection& connection_;
  bool held_ = true;
};

void run(Connection& connection, const SchemaSection& section, greenrt::Deadline deadline) {
  for (const std::string& statement : section.statements)
    connection.execute(statement, deadline);
  if (section.version == 0) return;
  connection.execute(
      "INSERT INTO schema_version (version, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE version = version",
      {section.version, section.name}, deadline);
}

void bring_up_to_date(Connection& connection, const SchemaOptions& options, unsigned found,
                      greenrt::Deadline deadline) {
  for (const SchemaSection& section : sections()) {
    const bool is_step = section.version > 0;
    if (is_step ? section.version > found : options.order_audit && section.name == "order-audit") {
      run(connection, section, deadline);
    }
  }
}

}  // namespace

std::string_view to_string(SchemaState state) {
  switch (state) {
    case SchemaState::kMissing:
      return "missing";
    case SchemaState::kCurrent:
      return "current";
    case SchemaState::kOlder:
      return "older";
    case SchemaState::kNewer:
      return "newer";
  }
  return "unknown";
}

unsigned schema_version() {
  unsigned newest = 0;
  for (const SchemaSection& section : sections())
    newest = std::max(newest, section.version);
  return newest;
}

SchemaStatus check_schema(Connection& connection, greenrt::Deadline deadline) {
  SchemaStatus status{.state = SchemaState::kMissing, .found = 0, .expected = schema_version()};
  try {
    const Rows rows = connection.query("SELECT COALESCE(MAX(version), 0) FROM schema_version", deadline);
    status.found = static_cast<unsigned>(rows[0].uint64(0));
  } catch (const Error& error) {
    if (error.code() != kNoSuchTable) throw;
  }
  if (status.found == 0) return status;
  status.state = status.found == status.expected  ? SchemaState::kCurrent
                 : status.found < status.expected ? SchemaState::kOlder
                                                  : SchemaState::kNewer;
  return status;
}

SchemaStatus apply_schema(Connection& connection, const SchemaOptions& options, greenrt::Deadline deadline) {
  SchemaLock lock(connection, deadline);
  const SchemaStatus before = check_schema(connection, deadline);
  if (before.state == SchemaState::kNewer) {
    lock.release(deadline);
    throw Error(ErrorClass::kStopAndAlarm, "the schema has version " + std::to_string(before.found) +
                                               ", this program knows " + std::to_string(before.expected));
  }
  bring_up_to_date(connection, options, before.found, deadline);
  lock.release(deadline);
  return check_schema(connection, deadline);
}

}  // namespace db
