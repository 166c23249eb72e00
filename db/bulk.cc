#include "db/bulk.h"

#include <bit>
#include <stdexcept>
#include <string>
#include <utility>

namespace db {
namespace {

constexpr std::size_t kRequestHeader = 64;  // command, statement, flags, types
constexpr std::size_t kLongestLength = 9;   // of a length-encoded value

bool is_number(ColumnType type) {
  return type == ColumnType::kInt64 || type == ColumnType::kUint64 || type == ColumnType::kReal;
}

struct Fits {
  ColumnType type;
  bool operator()(std::monostate) const { return true; }
  bool operator()(std::int64_t value) const {
    return type == ColumnType::kInt64 || (type == ColumnType::kUint64 && value >= 0);
  }
  bool operator()(std::uint64_t value) const {
    return type == ColumnType::kUint64 || (type == ColumnType::kInt64 && std::in_range<std::int64_t>(value));
  }
  bool operator()(double) const { return type == ColumnType::kReal; }
  bool operator()(std::string_view) const { return type == ColumnType::kText; }
  bool operator()(Bytes) const { return type == ColumnType::kBytes; }
};

struct Append {
  Bulk::Column& column;

  std::size_t operator()(std::monostate) const {
    column.indicators.push_back(1);
    if (is_number(column.type)) {
      column.numbers.push_back(0);
    } else {
      column.pointers.push_back("");
      column.lengths.push_back(0);
    }
    return 1;
  }
  std::size_t operator()(std::int64_t value) const { return number(static_cast<std::uint64_t>(value)); }
  std::size_t operator()(std::uint64_t value) const { return number(value); }
  std::size_t operator()(double value) const { return number(std::bit_cast<std::uint64_t>(value)); }
  std::size_t operator()(std::string_view text) const { return bytes(text.data(), text.size()); }
  std::size_t operator()(Bytes value) const { return bytes(reinterpret_cast<const char*>(value.data()), value.size()); }

  std::size_t number(std::uint64_t bits) const {
    column.indicators.push_back(0);
    column.numbers.push_back(bits);
    return 1 + sizeof bits;
  }
  std::size_t bytes(const char* data, std::size_t size) const {
    column.indicators.push_back(0);
    column.pointers.push_back(data ? data : "");
    column.lengths.push_back(size);
    return 1 + kLongestLength + size;
  }
};

}  // namespace

Bulk::Bulk(std::vector<ColumnType> types) {
  columns_.reserve(types.size());
  for (const ColumnType type : types)
    columns_.push_back({.type = type, .numbers = {}, .pointers = {}, .lengths = {}, .indicators = {}});
  clear();
}

void Bulk::add_row(std::span<const Value> values) {
  if (values.size() != columns_.size()) {
    throw std::invalid_argument(std::to_string(values.size()) + " values for " + std::to_string(columns_.size()) +
                                " columns");
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::visit(Fits{columns_[i].type}, values[i].variant())) {
      throw std::invalid_argument("value " + std::to_string(i) + " does not fit the type of its column");
    }
  }
  for (std::size_t i = 0; i < values.size(); ++i)
    wire_size_ += std::visit(Append{columns_[i]}, values[i].variant());
  ++rows_;
}

void Bulk::clear() {
  for (Column& column : columns_) {
    column.numbers.clear();
    column.pointers.clear();
    column.lengths.clear();
    column.indicators.clear();
  }
  rows_ = 0;
  wire_size_ = kRequestHeader + 2 * columns_.size();
}

void Bulk::reserve(std::size_t rows) {
  for (Column& column : columns_) {
    column.indicators.reserve(rows);
    if (is_number(column.type)) {
      column.numbers.reserve(rows);
    } else {
      column.pointers.reserve(rows);
      column.lengths.reserve(rows);
    }
  }
}

}  // namespace db
