#include "db/result_reader.h"

#include <cstring>
#include <memory>
#include <vector>

#include "db/mariadb_api.h"

namespace db {
namespace {

constexpr std::size_t kInitialBuffer = 256;  // longer values are fetched once their length is known

class ResultReader {
 public:
  ResultReader(Connection::Use& use, MYSQL_STMT* statement, MYSQL_RES* metadata) : use_(use), statement_(statement) {
    const unsigned count = mysql_num_fields(metadata);
    const MYSQL_FIELD* const fields = mysql_fetch_fields(metadata);
    columns_.resize(count);
    binds_.resize(count);
    for (unsigned i = 0; i < count; ++i)
      prepare(columns_[i], binds_[i], fields[i]);
    use_.check(statement_, mysql_stmt_bind_result(statement_, binds_.data()) == 0);
  }

  // Stored first: an error in the middle of a result leaves the connection usable only there.
  void read_all(Rows& rows) {
    use_.check(statement_, mysql_stmt_store_result(statement_) == 0);
    while (true) {
      const int outcome = mysql_stmt_fetch(statement_);
      if (outcome == MYSQL_NO_DATA) break;
      use_.check(statement_, outcome == 0 || outcome == MYSQL_DATA_TRUNCATED);
      for (unsigned i = 0; i < columns_.size(); ++i)
        take(columns_[i], i, rows);
    }
  }

 private:
  enum class Kind { kInt64, kUint64, kReal, kBytes };
  struct Column {
    Kind kind = Kind::kBytes;
    std::int64_t int64 = 0;
    std::uint64_t uint64 = 0;
    double real = 0;
    std::vector<char> bytes;
    unsigned long length = 0;
    my_bool null = 0;
    my_bool truncated = 0;
  };

  static Kind kind_of(const MYSQL_FIELD& field) {
    switch (field.type) {
      case MYSQL_TYPE_TINY:
      case MYSQL_TYPE_SHORT:
      case MYSQL_TYPE_INT24:
      case MYSQL_TYPE_LONG:
      case MYSQL_TYPE_LONGLONG:
      case MYSQL_TYPE_YEAR:
        return (field.flags & UNSIGNED_FLAG) != 0 ? Kind::kUint64 : Kind::kInt64;
      case MYSQL_TYPE_FLOAT:
      case MYSQL_TYPE_DOUBLE:
        return Kind::kReal;
      default:
        return Kind::kBytes;
    }
  }

  static void prepare(Column& column, MYSQL_BIND& bind, const MYSQL_FIELD& field) {
    column.kind = kind_of(field);
    bind.length = &column.length;
    bind.is_null = &column.null;
    bind.error = &column.truncated;
    switch (column.kind) {
      case Kind::kInt64:
        bind.buffer_type = MYSQL_TYPE_LONGLONG;
        bind.buffer = &column.int64;
        break;
      case Kind::kUint64:
        bind.buffer_type = MYSQL_TYPE_LONGLONG;
        bind.buffer = &column.uint64;
        bind.is_unsigned = 1;
        break;
      case Kind::kReal:
        bind.buffer_type = MYSQL_TYPE_DOUBLE;
        bind.buffer = &column.real;
        break;
      case Kind::kBytes:
        column.bytes.resize(kInitialBuffer);
        bind.buffer_type = MYSQL_TYPE_BLOB;
        bind.buffer = column.bytes.data();
        bind.buffer_length = column.bytes.size();
        break;
    }
  }

  void take(Column& column, unsigned index, Rows& rows) {
    if (column.null) return rows.add_null();
    switch (column.kind) {
      case Kind::kInt64:
        return rows.add_int64(column.int64);
      case Kind::kUint64:
        return rows.add_uint64(column.uint64);
      case Kind::kReal:
        return rows.add_real(column.real);
      case Kind::kBytes:
        return take_bytes(column, index, rows);
    }
  }

  void take_bytes(Column& column, unsigned index, Rows& rows) {
    const unsigned long length = column.length;
    char* const room = rows.add_bytes(length);
    if (length == 0) return;
    if (length <= column.bytes.size()) {
      std::memcpy(room, column.bytes.data(), length);
      return;
    }
    MYSQL_BIND bind{};
    unsigned long fetched = 0;
    my_bool null = 0;
    my_bool truncated = 0;
    bind.buffer_type = MYSQL_TYPE_BLOB;
    bind.buffer = room;
    bind.buffer_length = length;
    bind.length = &fetched;
    bind.is_null = &null;
    bind.error = &truncated;
    use_.check(statement_, mysql_stmt_fetch_column(statement_, &bind, index, 0) == 0);
  }

  Connection::Use& use_;
  MYSQL_STMT* statement_;
  std::vector<Column> columns_;
  std::vector<MYSQL_BIND> binds_;
};

std::vector<std::string> names_of(MYSQL_RES* metadata) {
  std::vector<std::string> names;
  const MYSQL_FIELD* const fields = mysql_fetch_fields(metadata);
  for (unsigned i = 0; i < mysql_num_fields(metadata); ++i)
    names.emplace_back(fields[i].name);
  return names;
}

}  // namespace

Rows read_result(Connection::Use& use, st_mysql_stmt* statement) {
  Rows rows;
  const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> metadata(mysql_stmt_result_metadata(statement),
                                                                          &mysql_free_result);
  use.check(statement, metadata || mysql_stmt_field_count(statement) == 0);
  if (metadata) {
    rows.set_columns(names_of(metadata.get()));
    ResultReader(use, statement, metadata.get()).read_all(rows);
  }
  rows.set_outcome(mysql_stmt_affected_rows(statement), mysql_stmt_insert_id(statement));
  use.check(statement, mysql_stmt_free_result(statement) == 0);
  return rows;
}

}  // namespace db
