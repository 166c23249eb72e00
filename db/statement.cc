#include "db/statement.h"

#include <stdexcept>
#include <string>
#include <vector>

#include "db/connection_use.h"
#include "db/mariadb_api.h"
#include "db/result_reader.h"

namespace db {
namespace {

enum_field_types wire_type(ColumnType type) {
  switch (type) {
    case ColumnType::kInt64:
    case ColumnType::kUint64:
      return MYSQL_TYPE_LONGLONG;
    case ColumnType::kReal:
      return MYSQL_TYPE_DOUBLE;
    case ColumnType::kText:
      return MYSQL_TYPE_STRING;
    case ColumnType::kBytes:
      return MYSQL_TYPE_BLOB;
  }
  return MYSQL_TYPE_NULL;
}

// Points a bind of the library to a Value. The library only reads what the buffers of parameters hold.
struct BindValue {
  MYSQL_BIND& bind;

  void operator()(std::monostate) const { bind.buffer_type = MYSQL_TYPE_NULL; }
  void operator()(const std::int64_t& value) const { number(MYSQL_TYPE_LONGLONG, &value); }
  void operator()(const std::uint64_t& value) const {
    number(MYSQL_TYPE_LONGLONG, &value);
    bind.is_unsigned = 1;
  }
  void operator()(const double& value) const { number(MYSQL_TYPE_DOUBLE, &value); }
  void operator()(std::string_view text) const { bytes(MYSQL_TYPE_STRING, text.data(), text.size()); }
  void operator()(Bytes value) const { bytes(MYSQL_TYPE_BLOB, value.data(), value.size()); }

  void number(enum_field_types type, const void* value) const {
    bind.buffer_type = type;
    bind.buffer = const_cast<void*>(value);
  }
  void bytes(enum_field_types type, const void* data, std::size_t size) const {
    bind.buffer_type = type;
    bind.buffer = const_cast<void*>(data ? data : "");
    bind.buffer_length = size;
    bind.length_value = size;
    bind.length = &bind.length_value;
  }
};

MYSQL_BIND bind_column(const Bulk::Column& column) {
  MYSQL_BIND bind{};
  bind.buffer_type = wire_type(column.type);
  bind.is_unsigned = column.type == ColumnType::kUint64 ? 1 : 0;
  bind.u.indicator = const_cast<char*>(column.indicators.data());
  if (column.pointers.empty()) {
    bind.buffer = const_cast<std::uint64_t*>(column.numbers.data());
  } else {
    bind.buffer = const_cast<const char**>(column.pointers.data());
    bind.length = const_cast<unsigned long*>(column.lengths.data());
  }
  return bind;
}

// The number of rows of the next execution. The library remembers it, so it is taken back at the end of the scope.
class ArraySize {
 public:
  ArraySize(MYSQL_STMT* statement, std::size_t rows) : statement_(statement) { set(static_cast<unsigned>(rows)); }
  ~ArraySize() { set(0); }
  ArraySize(const ArraySize&) = delete;
  ArraySize& operator=(const ArraySize&) = delete;

 private:
  void set(unsigned rows) { mysql_stmt_attr_set(statement_, STMT_ATTR_ARRAY_SIZE, &rows); }
  MYSQL_STMT* statement_;
};

void require_parameters(std::size_t given, std::size_t wanted) {
  if (given == wanted) return;
  throw std::invalid_argument("the statement takes " + std::to_string(wanted) + " parameters, not " +
                              std::to_string(given));
}

}  // namespace

Statement::~Statement() {
  const IoCall refuse_to_wait;
  mysql_stmt_close(handle_);
}

std::size_t Statement::parameters() const {
  return mysql_stmt_param_count(handle_);
}

Rows Statement::execute(std::span<const Value> values, greenrt::Deadline deadline) {
  require_parameters(values.size(), parameters());
  std::vector<MYSQL_BIND> binds(values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    std::visit(BindValue{binds[i]}, values[i].variant());

  Connection::Use use(connection_, deadline);
  if (!binds.empty()) use.check(handle_, mysql_stmt_bind_param(handle_, binds.data()) == 0);
  use.check(handle_, mysql_stmt_execute(handle_) == 0);
  return read_result(use, handle_);
}

Rows Statement::execute_bulk(const Bulk& bulk, greenrt::Deadline deadline) {
  require_parameters(bulk.columns(), parameters());
  if (bulk.columns() == 0) throw std::invalid_argument("a bulk execution needs parameters");
  if (bulk.empty()) return {};
  std::vector<MYSQL_BIND> binds;
  binds.reserve(bulk.columns());
  for (std::size_t i = 0; i < bulk.columns(); ++i)
    binds.push_back(bind_column(bulk.column(i)));

  Connection::Use use(connection_, deadline);
  const ArraySize array_size(handle_, bulk.rows());
  use.check(handle_, mysql_stmt_bind_param(handle_, binds.data()) == 0);
  use.check(handle_, mysql_stmt_execute(handle_) == 0);
  return read_result(use, handle_);
}

}  // namespace db
