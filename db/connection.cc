#include "db/connection.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "db/connection_use.h"
#include "db/mariadb_api.h"
#include "db/session.h"
#include "db/statement_cache.h"

namespace db {
namespace {

using Result = std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)>;

void copy_text_result(MYSQL_RES* result, Rows& rows) {
  const unsigned columns = mysql_num_fields(result);
  const MYSQL_FIELD* const fields = mysql_fetch_fields(result);
  std::vector<std::string> names;
  for (unsigned i = 0; i < columns; ++i)
    names.emplace_back(fields[i].name);
  rows.set_columns(std::move(names));
  while (const MYSQL_ROW row = mysql_fetch_row(result)) {
    const unsigned long* const lengths = mysql_fetch_lengths(result);
    for (unsigned i = 0; i < columns; ++i) {
      if (!row[i]) {
        rows.add_null();
      } else {
        char* const room = rows.add_bytes(lengths[i]);
        if (lengths[i] > 0) std::memcpy(room, row[i], lengths[i]);
      }
    }
  }
}

int duplicate(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw Error(ErrorClass::kReconnect, "F_DUPFD: " + std::generic_category().message(errno));
  return copy;
}

}  // namespace

Connection::Connection(Session session, std::shared_ptr<const ConnectOptions> options)
    : options_(std::move(options)),
      watcher_(nullptr),
      statements_(std::make_unique<StatementCache>(options_->statement_cache)),
      endpoint_(std::move(session.endpoint)),
      server_(std::move(session.server)),
      server_version_(std::move(session.server_version)),
      max_allowed_packet_(session.max_allowed_packet) {
  fd_ = duplicate(mysql_get_socket(session.handle.get()));
  watcher_ = std::make_unique<greenrt::FdWatcher>(fd_);
  handle_ = session.handle.release();
}

Connection::~Connection() {
  watcher_->close();
  statements_.reset();
  CloseHandle()(handle_);
  ::close(fd_);
}

std::uint64_t Connection::execute(std::string_view sql, greenrt::Deadline deadline) {
  return query(sql, deadline).affected_rows();
}

Rows Connection::query(std::string_view sql, greenrt::Deadline deadline) {
  Use use(*this, deadline);
  Rows rows;
  use.check(mysql_real_query(handle_, sql.data(), sql.size()) == 0);
  bool first = true;
  int more = 0;
  do {
    const Result result(mysql_store_result(handle_), &mysql_free_result);
    use.check(result || mysql_field_count(handle_) == 0);
    if (std::exchange(first, false)) {
      rows.set_outcome(mysql_affected_rows(handle_), mysql_insert_id(handle_));
      if (result) copy_text_result(result.get(), rows);
    }
    more = mysql_next_result(handle_);
  } while (more == 0);
  use.check(more < 0);
  return rows;
}

Rows Connection::execute(std::string_view sql, std::span<const Value> values, greenrt::Deadline deadline) {
  return prepare(sql, deadline).execute(values, deadline);
}

Rows Connection::execute_bulk(std::string_view sql, const Bulk& bulk, greenrt::Deadline deadline) {
  if (bulk.empty()) return {};
  return prepare(sql, deadline).execute_bulk(bulk, deadline);
}

Statement& Connection::prepare(std::string_view sql, greenrt::Deadline deadline) {
  if (!busy_ && !broken_) {
    if (Statement* kept = statements_->find(sql)) return *kept;
  }
  Use use(*this, deadline);
  MYSQL_STMT* const handle = mysql_stmt_init(handle_);
  use.check(handle != nullptr);
  auto statement = std::unique_ptr<Statement>(new Statement(*this, handle));
  use.check(handle, mysql_stmt_prepare(handle, sql.data(), sql.size()) == 0);
  return statements_->add(sql, std::move(statement));
}

void Connection::ping(greenrt::Deadline deadline) {
  Use use(*this, deadline);
  use.check(mysql_ping(handle_) == 0);
}

void Connection::discard() {
  break_off();
}

void Connection::break_off() {
  if (std::exchange(broken_, true)) return;
  watcher_->close();
  ::shutdown(fd_, SHUT_RDWR);
}

void Connection::note_error(const Error& error) {
  if (error.makes_host_unfit()) host_trouble_ = error.what();
  if (error.error_class() == ErrorClass::kReconnect) lost_ = true;
  if (dynamic_cast<const DeadlineError*>(&error)) hung_ = true;
  if (options_->on_error) options_->on_error(error);
}

bool Connection::usable() const {
  if (broken_ || busy_) return false;
  char byte = 0;
  const ssize_t received = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

bool Connection::in_transaction() const {
  return (handle_->server_status & SERVER_STATUS_IN_TRANS) != 0;
}

std::uint64_t Connection::thread_id() const {
  return mysql_thread_id(handle_);
}

std::string Connection::tls_cipher() const {
  const char* const cipher = mysql_get_ssl_cipher(handle_);
  return cipher ? cipher : "";
}

}  // namespace db
