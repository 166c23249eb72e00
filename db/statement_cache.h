// StatementCache: the prepared statements of one connection, by their text, the least recently used leaving first.

#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "db/statement.h"

namespace db {

class StatementCache {
 public:
  // `capacity` is at least 1.
  explicit StatementCache(std::size_t capacity) : capacity_(capacity == 0 ? 1 : capacity) {}

  // nullptr when there is none. Makes it the most recently used.
  Statement* find(std::string_view sql);
  Statement& add(std::string_view sql, std::unique_ptr<Statement> statement);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string sql;
    std::unique_ptr<Statement> statement;
  };

  std::size_t capacity_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_text_;
};

}  // namespace db
