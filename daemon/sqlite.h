// SQLite, as far as the journal needs it: a connection and its statements. sqlite.cc is the only file that includes
// sqlite3.h.
//
// Owned by whoever made it; statements must go before their connection. One thread at a time. Everything blocks for as
// long as the disk takes. Throws sqlite::Error, out of memory included; after one, a statement can be used again.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace hilera::sqlite {

enum class Trouble : std::uint8_t {
  kFull,         // no room on the disk: the file is as it was, and may be used again
  kNotDatabase,  // the file is something else
  kMalformed,    // what was read contradicts itself
  kDisk,         // the file cannot be opened, read, written or synced
  kOther,        // a mistake of ours, or no memory
};

class Error : public std::runtime_error {
 public:
  Error(int code, const std::string& what);
  [[nodiscard]] Trouble trouble() const { return trouble_; }
  // Whether it is the content that is wrong, which no second attempt would change.
  [[nodiscard]] bool content() const { return trouble_ == Trouble::kMalformed || trouble_ == Trouble::kNotDatabase; }

 private:
  Trouble trouble_;
};

enum class OpenMode : std::uint8_t {
  kWrite,      // creates nothing; recovers what a crash has left
  kImmutable,  // nobody writes; takes no locks, looks at no other file
};

class Statement;

class Database {
 public:
  // `vfs` names the layer through which the files are reached; empty: the system's.
  Database(const std::string& path, OpenMode mode, const std::string& vfs = {});
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Statements without values, separated by semicolons; rows are dropped.
  void execute(const char* sql);
  // The first column of the first row.
  [[nodiscard]] std::int64_t query_integer(std::string_view sql);
  [[nodiscard]] bool in_transaction() const;

 private:
  friend class Statement;
  friend class Transaction;
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  std::unique_ptr<sqlite3, Close> connection_;
};

class Statement {
 public:
  Statement(Database& database, std::string_view sql);

  // Parameters and columns are counted from 1 and from 0, as SQLite does. What is bound must live until reset().
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, std::string_view text);
  Statement& bind(int parameter, std::span<const std::byte> blob);

  // True: there is a row, valid until the next step.
  [[nodiscard]] bool step();
  // Back to the start; the values stay bound.
  void reset();
  // A statement that gives no rows, from start to end.
  void run();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string_view text(int column) const;
  [[nodiscard]] std::span<const std::byte> blob(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  void check(int code) const;

  sqlite3* connection_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// Resets a statement at the end of a block, so that it holds the database no longer.
class ResetAtEnd {
 public:
  explicit ResetAtEnd(Statement& statement) : statement_(statement) {}
  ~ResetAtEnd() { statement_.reset(); }
  ResetAtEnd(const ResetAtEnd&) = delete;
  ResetAtEnd& operator=(const ResetAtEnd&) = delete;

 private:
  Statement& statement_;
};

// A transaction that is rolled back unless it was committed.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
};

}  // namespace hilera::sqlite
