#include "daemon/sqlite.h"

#include <sqlite3.h>

namespace hilera::sqlite {
namespace {

// SQLite also says that there is no memory when damage makes it ask for nothing, or for more than can be had.
bool memory_is_short() {
  constexpr int kMoreThanARowNeeds = 1 << 20;
  void* const memory = sqlite3_malloc(kMoreThanARowNeeds);
  sqlite3_free(memory);
  return memory == nullptr;
}

Trouble trouble_of(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return Trouble::kFull;
    case SQLITE_NOTADB:
      return Trouble::kNotDatabase;
    case SQLITE_CORRUPT:
    // Our statements fit the tables that we make. Where they do not, the tables are not what they were.
    case SQLITE_ERROR:
    case SQLITE_SCHEMA:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
    case SQLITE_FORMAT:
      return Trouble::kMalformed;
    case SQLITE_IOERR:
      // A page or a file that ends too early is not the disk's refusal to give it.
      return code == SQLITE_IOERR_SHORT_READ ? Trouble::kMalformed : Trouble::kDisk;
    case SQLITE_NOMEM:
      return memory_is_short() ? Trouble::kOther : Trouble::kMalformed;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Trouble::kDisk;
    default:
      return Trouble::kOther;
  }
}

[[noreturn]] void fail(sqlite3* connection, int code) {
  throw Error(code, connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code));
}

// A file name as SQLite reads it in a URI.
std::string as_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      constexpr const char* kDigits = "0123456789abcdef";
      const auto code = static_cast<unsigned char>(c);
      uri += {'%', kDigits[code >> 4], kDigits[code & 15]};
    } else {
      uri += c;
    }
  }
  return uri;
}

}  // namespace

Error::Error(int code, const std::string& what)
    : std::runtime_error(what + " (" + std::to_string(code) + ")"), trouble_(trouble_of(code)) {}

void Database::Close::operator()(sqlite3* connection) const {
  sqlite3_close(connection);
}

Database::Database(const std::string& path, OpenMode mode, const std::string& vfs) {
  const bool immutable = mode == OpenMode::kImmutable;
  const int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (immutable ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
  sqlite3* connection = nullptr;
  const std::string uri = as_uri(path) + (immutable ? "?immutable=1" : "");
  const int code = sqlite3_open_v2(uri.c_str(), &connection, flags, vfs.empty() ? nullptr : vfs.c_str());
  connection_.reset(connection);
  if (code != SQLITE_OK) fail(connection, code);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
}

void Database::execute(const char* sql) {
  const int code = sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(connection_.get(), code);
}

std::int64_t Database::query_integer(std::string_view sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.integer(0) : 0;
}

bool Database::in_transaction() const {
  return sqlite3_get_autocommit(connection_.get()) == 0;
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement::Statement(Database& database, std::string_view sql) : connection_(database.connection_.get()) {
  sqlite3_stmt* statement = nullptr;
  check(sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement,
                           nullptr));
  statement_.reset(statement);
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) fail(connection_, code);
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), parameter, value));
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  check(sqlite3_bind_text(statement_.get(), parameter, text.data(), static_cast<int>(text.size()), SQLITE_STATIC));
  return *this;
}

Statement& Statement::bind(int parameter, std::span<const std::byte> blob) {
  // A null pointer would bind NULL, not an empty value.
  const void* const data = blob.empty() ? static_cast<const void*>("") : blob.data();
  check(sqlite3_bind_blob(statement_.get(), parameter, data, static_cast<int>(blob.size()), SQLITE_STATIC));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const Error error(code, sqlite3_errmsg(connection_));
  reset();
  throw error;
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::text(int column) const {
  const auto bytes = blob(column);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> Statement::blob(int column) const {
  const auto* const data = static_cast<const std::byte*>(sqlite3_column_blob(statement_.get(), column));
  return {data, data == nullptr ? 0 : static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // SQLite has rolled back by itself after most errors. If this fails, the connection is given up by whoever caught
  // what has led here.
  if (database_.in_transaction()) {
    sqlite3_exec(database_.connection_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

void Transaction::commit() {
  database_.execute("COMMIT");
}

}  // namespace hilera::sqlite
