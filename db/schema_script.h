// The form of config/schema.sql, taken apart: numbered steps and named options, each a list of statements. Internal.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace db {

struct SchemaSection {
  unsigned version = 0;  // of a step; 0 for an option
  std::string name;
  std::vector<std::string> statements;
};

// Steps in ascending order, then options. Throws std::logic_error when the text has another form.
std::vector<SchemaSection> parse_schema_script(std::string_view text);

}  // namespace db
