// Bulk: the parameters of many rows, laid out column by column, as one bulk execution sends them.
//
// Reused from batch to batch: clear() keeps the memory. Text and bytes are views, which must live until the rows have
// been sent (and, if a batch may be sent again, until then).

#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "db/value.h"

namespace db {

enum class ColumnType : std::uint8_t { kInt64, kUint64, kReal, kText, kBytes };

class Bulk {
 public:
  explicit Bulk(std::vector<ColumnType> types);

  // One value for each column, in order. Throws std::invalid_argument when their number or the type of one is wrong (a
  // signed value fits an unsigned column, and the reverse, when it is in range); nothing is added then.
  void add_row(std::span<const Value> values);
  void add_row(std::initializer_list<Value> values) { add_row(std::span(values.begin(), values.size())); }

  void clear();
  void reserve(std::size_t rows);

  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] bool empty() const { return rows_ == 0; }
  [[nodiscard]] std::size_t columns() const { return columns_.size(); }

  // How long the request will be at most, in bytes: to be compared with Connection::max_allowed_packet().
  [[nodiscard]] std::size_t wire_size() const { return wire_size_; }

  // The arrays themselves, for Statement. Only those that the type calls for are filled.
  struct Column {
    ColumnType type;
    std::vector<std::uint64_t> numbers;  // int64 and double as their bits
    std::vector<const char*> pointers;
    std::vector<unsigned long> lengths;
    std::vector<char> indicators;  // 0: a value, 1: NULL
  };
  [[nodiscard]] const Column& column(std::size_t index) const { return columns_[index]; }

 private:
  std::vector<Column> columns_;
  std::size_t rows_ = 0;
  std::size_t wire_size_ = 0;
};

}  // namespace db
