// The tables of Hilera: their definition (config/schema.sql, compiled in), their version, and the way to it.
//
// All calls yield and throw db::Error. Applying needs the right to create and alter tables; checking needs SELECT.

#pragma once

#include <cstdint>
#include <string>

#include "db/connection.h"
#include "greenrt/deadline.h"

namespace db {

enum class SchemaState : std::uint8_t {
  kMissing,  // no table schema_version, or an empty one
  kCurrent,
  kOlder,  // to be migrated
  kNewer,  // made by a later program: hands off
};

[[nodiscard]] std::string_view to_string(SchemaState state);

struct SchemaStatus {
  SchemaState state = SchemaState::kMissing;
  unsigned found = 0;  // version in the database, 0 when missing
  unsigned expected = 0;
};

// The version that this program works with.
[[nodiscard]] unsigned schema_version();

SchemaStatus check_schema(Connection& connection, greenrt::Deadline deadline = greenrt::Deadline::never());

struct SchemaOptions {
  // Adds frame.commit_seq, by which the order of storing can be checked. For demo and tests: it costs a third of the
  // insert rate. Never taken away again.
  bool order_audit = false;
};

// Creates what is missing and migrates what is older, step by step, each recorded in schema_version; does nothing when
// all is there. Only one program at a time: others wait for it (GET_LOCK) until the deadline, then throw an Error of
// class kWait. Throws an Error of class kStopAndAlarm, and changes nothing, when the schema is newer than the program.
SchemaStatus apply_schema(Connection& connection, const SchemaOptions& options = {},
                          greenrt::Deadline deadline = greenrt::Deadline::never());

}  // namespace db
