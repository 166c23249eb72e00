#include "db/statement_cache.h"

#include <utility>

namespace db {

Statement* StatementCache::find(std::string_view sql) {
  const auto found = by_text_.find(sql);
  if (found == by_text_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->statement.get();
}

Statement& StatementCache::add(std::string_view sql, std::unique_ptr<Statement> statement) {
  if (entries_.size() >= capacity_) {
    by_text_.erase(entries_.back().sql);
    entries_.pop_back();
  }
  entries_.push_front({std::string(sql), std::move(statement)});
  by_text_.emplace(entries_.front().sql, entries_.begin());
  return *entries_.front().statement;
}

}  // namespace db
