#include "db/rows.h"

#include <charconv>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace db {

Rows::Row Rows::operator[](std::size_t index) const {
  if (index >= size()) throw BadColumn("row " + std::to_string(index) + " of " + std::to_string(size()));
  return {*this, index};
}

const Rows::Cell& Rows::cell(std::size_t row, std::size_t column) const {
  if (column >= columns_.size()) {
    throw BadColumn("column " + std::to_string(column) + " of " + std::to_string(columns_.size()));
  }
  return cells_[row * columns_.size() + column];
}

void Rows::refuse(std::size_t column, const char* wanted) const {
  throw BadColumn("column '" + columns_[column] + "' does not hold " + wanted);
}

template <typename Number>
Number Rows::number(std::size_t row, std::size_t column, const char* wanted) const {
  const Cell& from = cell(row, column);
  if constexpr (std::is_integral_v<Number>) {
    if (from.kind == Kind::kInt64 && std::in_range<Number>(from.int64)) return static_cast<Number>(from.int64);
    if (from.kind == Kind::kUint64 && std::in_range<Number>(from.uint64)) return static_cast<Number>(from.uint64);
  } else {
    if (from.kind == Kind::kReal) return from.real;
    if (from.kind == Kind::kInt64) return static_cast<Number>(from.int64);
    if (from.kind == Kind::kUint64) return static_cast<Number>(from.uint64);
  }
  if (from.kind == Kind::kBytes) {
    const std::string_view text = view(from);
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return value;
  }
  refuse(column, wanted);
}

bool Rows::Row::is_null(std::size_t column) const {
  return rows_.cell(index_, column).kind == Kind::kNull;
}

std::int64_t Rows::Row::int64(std::size_t column) const {
  return rows_.number<std::int64_t>(index_, column, "a signed integer");
}

std::uint64_t Rows::Row::uint64(std::size_t column) const {
  return rows_.number<std::uint64_t>(index_, column, "an unsigned integer");
}

double Rows::Row::real(std::size_t column) const {
  return rows_.number<double>(index_, column, "a number");
}

std::string_view Rows::Row::text(std::size_t column) const {
  const Cell& from = rows_.cell(index_, column);
  if (from.kind != Kind::kBytes) rows_.refuse(column, "text");
  return rows_.view(from);
}

Bytes Rows::Row::bytes(std::size_t column) const {
  return std::as_bytes(std::span(text(column)));
}

std::optional<std::string_view> Rows::Row::optional_text(std::size_t column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

void Rows::add_null() {
  cells_.push_back({.int64 = 0, .length = 0, .kind = Kind::kNull});
}

void Rows::add_int64(std::int64_t value) {
  cells_.push_back({.int64 = value, .length = 0, .kind = Kind::kInt64});
}

void Rows::add_uint64(std::uint64_t value) {
  cells_.push_back({.uint64 = value, .length = 0, .kind = Kind::kUint64});
}

void Rows::add_real(double value) {
  cells_.push_back({.real = value, .length = 0, .kind = Kind::kReal});
}

char* Rows::add_bytes(std::size_t size) {
  if (size > std::numeric_limits<std::uint32_t>::max()) throw std::length_error("a value of more than 4 GiB");
  const std::size_t offset = bytes_.size();
  cells_.push_back({.offset = offset, .length = static_cast<std::uint32_t>(size), .kind = Kind::kBytes});
  bytes_.resize(offset + size);
  return bytes_.data() + offset;
}

void Rows::set_outcome(std::uint64_t affected_rows, std::uint64_t insert_id) {
  affected_rows_ = affected_rows;
  insert_id_ = insert_id;
}

}  // namespace db
