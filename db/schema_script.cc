#include "db/schema_script.h"

#include <charconv>
#include <stdexcept>

namespace db {
namespace {

constexpr std::string_view kStep = "-- step ";
constexpr std::string_view kOption = "-- option ";
constexpr std::string_view kComment = "--";

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

[[noreturn]] void refuse(std::string_view line) {
  throw std::logic_error("the schema script has a line that does not fit its form: " + std::string(line));
}

SchemaSection open_section(std::string_view line, unsigned expected_version) {
  const bool is_step = line.starts_with(kStep);
  const std::string_view head = line.substr(is_step ? kStep.size() : kOption.size());
  const std::size_t colon = head.find(": ");
  if (colon == std::string_view::npos) refuse(line);
  if (!is_step) return {.version = 0, .name = std::string(head.substr(0, colon)), .statements = {}};

  unsigned version = 0;
  const auto [end, error] = std::from_chars(head.data(), head.data() + colon, version);
  if (error != std::errc() || end != head.data() + colon || version != expected_version) refuse(line);
  return {.version = version, .name = std::string(head.substr(colon + 2)), .statements = {}};
}

}  // namespace

std::vector<SchemaSection> parse_schema_script(std::string_view text) {
  std::vector<SchemaSection> sections;
  std::string statement;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.starts_with(kStep) || line.starts_with(kOption)) {
      if (!statement.empty()) refuse(line);
      sections.push_back(open_section(line, sections.empty() ? 1 : sections.back().version + 1));
      continue;
    }
    if (line.starts_with(kComment) || is_blank(line)) continue;
    if (sections.empty()) refuse(line);
    statement += line;
    if (statement.ends_with(';')) {
      statement.pop_back();
      sections.back().statements.push_back(std::move(statement));
      statement.clear();
    } else {
      statement += '\n';
    }
  }
  if (!statement.empty()) refuse(statement);
  return sections;
}

}  // namespace db
