// Reading the documents that hilerad answers with. They come from another process, perhaps of another version: what is
// missing is shown as '-', and no text in them reaches the terminal unescaped.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hilera::ctl {

// What stands at "a.b.c"; null when there is none.
const nlohmann::json& at(const nlohmann::json& document, std::string_view path);

// The same, if it is a number.
std::optional<double> number_at(const nlohmann::json& document, std::string_view path);

std::string show(const nlohmann::json& value);
std::string show(const nlohmann::json& document, std::string_view path);

// "3 bad_crc, 1 too_long"; empty when there is none.
std::string show_counts(const nlohmann::json& counts);

// The sum of the integers in an object.
std::int64_t sum_of(const nlohmann::json& counts);

// "47 h 0 min"; `seconds` is a number.
std::string show_age(const nlohmann::json& seconds);

// Columns as wide as their widest cell.
class Table {
 public:
  void add(std::vector<std::string> row);

  // Each line begins with `margin`.
  [[nodiscard]] std::string text(std::string_view margin) const;

 private:
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace hilera::ctl
