#include "tests/fuzz/row_check.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/frame_row.h"
#include "db/schema_sql.h"
#include "ingest/frame_id.h"
#include "ingest/origin.h"
#include "ingest/utf8.h"
#include "tests/fuzz/fuzz.h"

namespace fuzz {
namespace {

constexpr std::size_t kMediumSize = (1U << 24) - 1;
constexpr int kJsonDepth = 32;  // JSON_DEPTH_LIMIT of MariaDB 10.11

struct Column {
  std::string name;
  std::string type;        // without its length
  std::size_t length = 0;  // in brackets behind it
  bool ascii = false;
  bool is_unsigned = false;
  bool nullable = false;
};

std::string_view between(std::string_view text, std::string_view begin, std::string_view end) {
  const std::size_t from = text.find(begin);
  check(from != std::string_view::npos, "the text has this beginning");
  text.remove_prefix(from + begin.size());
  return text.substr(0, text.find(end));
}

std::map<std::string, Column> columns_of(const std::string& table) {
  std::map<std::string, Column> columns;
  std::istringstream lines{std::string(between(db::kSchemaSql, "EXISTS " + table + " (\n", "\n)"))};
  for (std::string line; std::getline(lines, line);) {
    Column column;
    std::istringstream words(line);
    words >> column.name >> column.type;
    if (const auto bracket = column.type.find('('); bracket != std::string::npos) {
      column.length = std::stoul(column.type.substr(bracket + 1));
      column.type.resize(bracket);
    }
    column.ascii = line.find("SET ascii") != std::string::npos;
    column.is_unsigned = line.find(" UNSIGNED") != std::string::npos;
    column.nullable = line.find("NOT NULL") == std::string::npos;
    columns[column.name] = column;
  }
  return columns;
}

// In the order of the statement's parameters.
std::vector<Column> columns_of(const std::string& table, std::string_view insert) {
  const auto all = columns_of(table);
  std::vector<Column> columns;
  std::istringstream names{std::string(between(insert, "(", ")"))};
  for (std::string name; std::getline(names >> std::ws, name, ',');)
    columns.push_back(all.at(name));
  return columns;
}

class JsonDepth : public nlohmann::json_sax<nlohmann::json> {
 public:
  [[nodiscard]] int deepest() const { return deepest_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool key(string_t&) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override { return false; }

 private:
  bool enter() {
    deepest_ = std::max(deepest_, ++depth_);
    return true;
  }
  bool leave() {
    --depth_;
    return true;
  }

  int depth_ = 0;
  int deepest_ = 0;
};

void check_json(std::string_view text) {
  JsonDepth depth;
  check(text.starts_with('{') && nlohmann::json::sax_parse(text, &depth), "fields is a JSON object");
  check(depth.deepest() <= kJsonDepth, "fields is not deeper than JSON_VALID allows");
}

void check_text(const Column& column, std::string_view text) {
  check(ingest::is_utf8(text), "a text is UTF-8");
  if (column.ascii) {
    check(std::ranges::all_of(text, [](char c) { return c > 0; }), "an ASCII column holds ASCII");
  }
  if (column.type == "VARCHAR") {
    const auto characters = std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; });
    check(static_cast<std::size_t>(characters) <= column.length, "a text fits its column");
  } else {
    check(column.type == "MEDIUMTEXT" && text.size() <= kMediumSize, "a long text fits its column");
    check_json(text);
  }
}

void check_datetime(std::string_view text) {
  int year = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0, fraction = 0;
  int size = 0;
  const int fields = std::sscanf(std::string(text).c_str(), "%4d-%2u-%2u %2u:%2u:%2u.%3u%n", &year, &month, &day, &hour,
                                 &minute, &second, &fraction, &size);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  check(fields == 7 && size == 23 && text.size() == 23, "a time has the form of DATETIME(3)");
  check(date.ok() && year >= 1000 && year <= 9999 && hour < 24 && minute < 60 && second < 60, "a time is one");
}

// The greatest value of a column of whole numbers.
std::uint64_t greatest(const Column& column) {
  static const std::map<std::string_view, unsigned> bits = {
      {"TINYINT", 8}, {"SMALLINT", 16}, {"INT", 32}, {"BIGINT", 64}};
  const auto found = bits.find(column.type);
  check(found != bits.end(), "a whole number goes to a column of those");
  return std::numeric_limits<std::uint64_t>::max() >> (64 - found->second + (column.is_unsigned ? 0 : 1));
}

void check_value(const Column& column, const db::Value& value) {
  if (value.is_null()) return check(column.nullable, "no NULL goes to a column that is NOT NULL");
  if (const auto* text = std::get_if<std::string_view>(&value.variant())) {
    return column.type == "DATETIME" ? check_datetime(*text) : check_text(column, *text);
  }
  if (const auto* bytes = std::get_if<db::Bytes>(&value.variant())) {
    if (column.type == "BINARY") return check(bytes->size() == column.length, "a binary value has its length");
    if (column.type == "INET6") return check(bytes->size() == 16, "an address has 16 bytes");
    return check(column.type == "MEDIUMBLOB" && bytes->size() <= kMediumSize, "a blob fits its column");
  }
  if (const auto* number = std::get_if<std::int64_t>(&value.variant())) {
    const bool negative_allowed = !column.is_unsigned;
    if (*number < 0) return check(negative_allowed, "an unsigned column holds nothing negative");
    return check(static_cast<std::uint64_t>(*number) <= greatest(column), "a number fits its column");
  }
  const auto* number = std::get_if<std::uint64_t>(&value.variant());
  check(number != nullptr && *number <= greatest(column), "a number fits its column");
}

void check_row(const std::vector<Column>& columns, std::span<const db::Value> values) {
  check(values.size() == columns.size(), "there is a value for each column");
  for (std::size_t i = 0; i < columns.size(); ++i)
    check_value(columns[i], values[i]);
}

}  // namespace

void check_rows(const ingest::Codec& codec, ingest::Bytes bytes, ingest::AuthLevel level) {
  static const auto frame_columns = columns_of("frame", hilera::kInsertFrame);
  static const auto letter_columns = columns_of("dead_letter", hilera::kInsertDeadLetter);
  static hilera::FrameRow row;
  const ingest::Origin origin{.listener = "listener", .codec = &codec, .store_raw = true, .guarded = false};
  ingest::Datagram datagram;
  datagram.origin = &origin;
  datagram.arrival = 1'770'000'000'000'000;
  datagram.bytes.assign(bytes.begin(), bytes.end());
  ingest::Decoded decoded;
  codec.decode(datagram.bytes, decoded);
  if (level != ingest::AuthLevel::kNone) decoded.prove(level);
  ingest::identify(decoded.records);
  for (const ingest::Record& record : decoded.records) {
    row.set("collector", datagram, decoded, record);
    check_row(frame_columns, row.values());
    const hilera::DeadLetterRow letter("collector", datagram, decoded, record, "refused", ingest::as_text(bytes));
    check_row(letter_columns, letter.values());
  }
}

}  // namespace fuzz
