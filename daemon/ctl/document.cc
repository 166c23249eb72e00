#include "daemon/ctl/document.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "daemon/logging.h"

namespace hilera::ctl {

using nlohmann::json;

const json& at(const json& document, std::string_view path) {
  static const json missing;
  const json* value = &document;
  while (true) {
    const auto dot = path.find('.');
    const auto found = value->is_object() ? value->find(std::string(path.substr(0, dot))) : value->end();
    if (!value->is_object() || found == value->end()) return missing;
    value = &*found;
    if (dot == std::string_view::npos) return *value;
    path.remove_prefix(dot + 1);
  }
}

std::optional<double> number_at(const json& document, std::string_view path) {
  const json& value = at(document, path);
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

std::string show(const json& value) {
  if (value.is_string()) return printable(value.get_ref<const std::string&>());
  if (value.is_number() || value.is_boolean()) return value.dump();
  return "-";
}

std::string show(const json& document, std::string_view path) {
  return show(at(document, path));
}

std::string show_counts(const json& counts) {
  std::string text;
  if (!counts.is_object()) return text;
  for (const auto& [name, count] : counts.items()) {
    if (count == 0) continue;
    text.append(text.empty() ? "" : ", ").append(show(count)).append(" ").append(printable(name));
  }
  return text;
}

std::int64_t sum_of(const json& counts) {
  std::int64_t sum = 0;
  if (!counts.is_object()) return sum;
  for (const json& count : counts)
    sum += count.is_number_integer() ? count.get<std::int64_t>() : 0;
  return sum;
}

std::string show_age(const json& seconds) {
  if (!seconds.is_number()) return "-";
  const auto total = static_cast<std::uint64_t>(std::max(0.0, std::floor(seconds.get<double>())));
  const auto minutes = total / 60;
  const auto hours = minutes / 60;
  if (minutes == 0) return fmt::format("{} s", total);
  if (hours == 0) return fmt::format("{} min {} s", minutes, total % 60);
  if (hours < 48) return fmt::format("{} h {} min", hours, minutes % 60);
  return fmt::format("{} days {} h", hours / 24, hours % 24);
}

void Table::add(std::vector<std::string> row) {
  widths_.resize(std::max(widths_.size(), row.size()));
  for (std::size_t i = 0; i < row.size(); ++i)
    widths_[i] = std::max(widths_[i], row[i].size());
  rows_.push_back(std::move(row));
}

std::string Table::text(std::string_view margin) const {
  std::string text;
  for (const auto& row : rows_) {
    std::string line(margin);
    for (std::size_t i = 0; i < row.size(); ++i)
      line += fmt::format("{:<{}}  ", row[i], widths_[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace hilera::ctl
