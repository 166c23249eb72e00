#include "daemon/frame_lookup.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "db/value.h"
#include "ingest/codec.h"
#include "ingest/origin.h"

namespace hilera {
namespace {

constexpr std::size_t kKeys = 100;  // in one statement
constexpr std::size_t kColumns = 4;

std::string statement_text(std::string_view table) {
  constexpr std::string_view kKey = "(nserie = ? AND frame_id = ? AND codec = ? AND arrival = ?)";
  std::string text = "SET STATEMENT wsrep_sync_wait = 1 FOR SELECT arrival FROM ";
  text.append(table).append(" WHERE ");
  for (std::size_t key = 0; key < kKeys; ++key) {
    if (key > 0) text += " OR ";
    text += kKey;
  }
  return text;
}

class Search {
 public:
  Search(db::Connection& connection, const std::vector<const ingest::Entry*>& entries)
      : connection_(connection), entries_(entries), found_(entries.size()) {
    for (std::size_t i = 0; i < entries.size(); ++i)
      by_arrival_[entries[i]->datagram.arrival] = i;
  }

  // Looks for the datagrams that have not been found yet.
  void look_into(const std::string& statement) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (found_[i]) continue;
      const ingest::Entry& entry = *entries_[i];
      const std::string_view codec = entry.datagram.origin->codec->name();
      for (const ingest::Record& record : entry.decoded.records) {
        values_.insert(values_.end(), {entry.decoded.nserie, record.frame_id, codec, entry.datagram.arrival});
        if (values_.size() == kKeys * kColumns) ask(statement);
      }
    }
    if (!values_.empty()) ask(statement);
  }

  [[nodiscard]] bool complete() const { return std::find(found_.begin(), found_.end(), false) == found_.end(); }
  [[nodiscard]] const std::vector<bool>& found() const { return found_; }

 private:
  // The last key stands in for those that are missing, so that the statement is always the same.
  void ask(const std::string& statement) {
    while (values_.size() < kKeys * kColumns)
      values_.push_back(values_[values_.size() - kColumns]);
    const db::Rows rows = connection_.execute(statement, values_);
    values_.clear();
    for (std::size_t row = 0; row < rows.size(); ++row)
      found_[by_arrival_.at(rows[row].int64(0))] = true;
  }

  db::Connection& connection_;
  const std::vector<const ingest::Entry*>& entries_;
  std::unordered_map<std::int64_t, std::size_t> by_arrival_;
  std::vector<bool> found_;
  std::vector<db::Value> values_;
};

}  // namespace

std::vector<bool> find_stored(db::Connection& connection, const std::vector<const ingest::Entry*>& entries) {
  static const std::string kFrames = statement_text("frame");
  static const std::string kDeadLetters = statement_text("dead_letter");
  Search search(connection, entries);
  search.look_into(kFrames);
  if (!search.complete()) search.look_into(kDeadLetters);
  return search.found();
}

}  // namespace hilera
