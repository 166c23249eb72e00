// The text of config/schema.sql, compiled in. Internal to db/.

#pragma once

#include <string_view>

namespace db {

extern const std::string_view kSchemaSql;

}  // namespace db
