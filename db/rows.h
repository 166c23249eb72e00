// Rows: the complete result of a query, detached from its connection.
//
// Owns its bytes. Columns are numbered from 0. Numbers come from prepared statements as numbers and from text queries
// as text; the accessors read both. Asking for a value where NULL is, or for a number where none is, throws BadColumn:
// a disagreement between the program and the schema, not a fault of the connection.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "db/value.h"

namespace db {

class BadColumn : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

class Rows {
 public:
  class Row {
   public:
    [[nodiscard]] bool is_null(std::size_t column) const;
    [[nodiscard]] std::int64_t int64(std::size_t column) const;
    [[nodiscard]] std::uint64_t uint64(std::size_t column) const;
    [[nodiscard]] double real(std::size_t column) const;
    // The value of a text or binary column. Valid as long as the Rows.
    [[nodiscard]] std::string_view text(std::size_t column) const;
    [[nodiscard]] Bytes bytes(std::size_t column) const;
    // The same, none for NULL.
    [[nodiscard]] std::optional<std::string_view> optional_text(std::size_t column) const;

   private:
    friend class Rows;
    Row(const Rows& rows, std::size_t index) : rows_(rows), index_(index) {}
    const Rows& rows_;
    std::size_t index_;
  };

  [[nodiscard]] std::size_t size() const { return columns_.empty() ? 0 : cells_.size() / columns_.size(); }
  [[nodiscard]] bool empty() const { return cells_.empty(); }
  [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }

  // Throws BadColumn beyond the last row.
  [[nodiscard]] Row operator[](std::size_t index) const;

  // What the server says about a statement that changes rows. With ON DUPLICATE KEY UPDATE, MariaDB counts 1 for an
  // inserted row, 2 for a changed one and 0 for one left as it was.
  [[nodiscard]] std::uint64_t affected_rows() const { return affected_rows_; }
  [[nodiscard]] std::uint64_t insert_id() const { return insert_id_; }

  // For those who fill it: the columns first, then one cell after another, row by row.
  void set_columns(std::vector<std::string> names) { columns_ = std::move(names); }
  void add_null();
  void add_int64(std::int64_t value);
  void add_uint64(std::uint64_t value);
  void add_real(double value);
  // Room for `size` bytes, to be filled by the caller before the next call.
  char* add_bytes(std::size_t size);
  void set_outcome(std::uint64_t affected_rows, std::uint64_t insert_id);

 private:
  enum class Kind : std::uint8_t { kNull, kInt64, kUint64, kReal, kBytes };
  struct Cell {
    union {
      std::int64_t int64;
      std::uint64_t uint64;
      double real;
      std::size_t offset;  // into bytes_
    };
    std::uint32_t length;
    Kind kind;
  };

  [[nodiscard]] const Cell& cell(std::size_t row, std::size_t column) const;
  [[nodiscard]] std::string_view view(const Cell& cell) const { return {bytes_.data() + cell.offset, cell.length}; }
  [[noreturn]] void refuse(std::size_t column, const char* wanted) const;
  template <typename Number>
  [[nodiscard]] Number number(std::size_t row, std::size_t column, const char* wanted) const;

  std::vector<std::string> columns_;
  std::vector<Cell> cells_;
  std::string bytes_;
  std::uint64_t affected_rows_ = 0;
  std::uint64_t insert_id_ = 0;
};

using Row = Rows::Row;

}  // namespace db
