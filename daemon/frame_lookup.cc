#include "daemon/frame_lookup.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "db/value.h"
#include "ingest/codec.h"
#include "ingest/origin.h"

namespace hilera {
namespace {

using Entries = std::vector<const ingest::Entry*>;
using Values = std::vector<db::Value>;

constexpr std::size_t kKeys = 100;  // in one statement
constexpr std::string_view kByArrival = "(nserie = ? AND frame_id = ? AND codec = ? AND arrival = ?)";
constexpr std::string_view kByKey = "(nserie = ? AND frame_id = ? AND codec = ?)";

std::string statement_text(std::string_view columns, std::string_view table, std::string_view key) {
  std::string text = "SET STATEMENT wsrep_sync_wait = 1 FOR SELECT ";
  text.append(columns).append(" FROM ").append(table).append(" WHERE ").append(key);
  for (std::size_t i = 1; i < kKeys; ++i)
    text.append(" OR ").append(key);
  return text;
}

std::string_view codec_of(const ingest::Entry& entry) {
  return entry.datagram.origin->codec->name();
}

// For all keys, each of so many values. The last one of a statement stands in for those that are missing, so that the
// statement is always the same.
template <typename OnRow>
void ask(db::Connection& connection, const std::string& statement, std::size_t columns, const Values& keys,
         OnRow on_row) {
  for (std::span<const db::Value> left(keys); !left.empty();) {
    const auto asked = left.first(std::min(left.size(), kKeys * columns));
    left = left.subspan(asked.size());
    Values values(asked.begin(), asked.end());
    while (values.size() < kKeys * columns)
      values.push_back(values[values.size() - columns]);
    const db::Rows rows = connection.execute(statement, values);
    for (std::size_t row = 0; row < rows.size(); ++row)
      on_row(rows[row]);
  }
}

}  // namespace

std::vector<bool> find_stored(db::Connection& connection, const Entries& entries) {
  static const std::string kFrames = statement_text("arrival", "frame", kByArrival);
  static const std::string kDeadLetters = statement_text("arrival", "dead_letter", kByArrival);
  std::vector<bool> found(entries.size());
  std::unordered_map<std::int64_t, std::size_t> by_arrival;
  for (std::size_t i = 0; i < entries.size(); ++i)
    by_arrival[entries[i]->datagram.arrival] = i;
  for (const std::string& statement : {kFrames, kDeadLetters}) {
    Values keys;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (found[i]) continue;
      const ingest::Entry& entry = *entries[i];
      for (const ingest::Record& record : entry.decoded.records)
        keys.insert(keys.end(), {entry.decoded.nserie, record.frame_id, codec_of(entry), entry.datagram.arrival});
    }
    ask(connection, statement, 4, keys, [&](const db::Row& row) { found[by_arrival.at(row.int64(0))] = true; });
  }
  return found;
}

std::vector<bool> find_keys(db::Connection& connection, const Entries& entries) {
  static const std::string kFrames = statement_text("nserie, frame_id, codec", "frame", kByKey);
  using Key = std::tuple<std::string_view, std::uint64_t, std::string_view>;
  std::multimap<Key, std::size_t> by_key;
  Values keys;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const ingest::Entry& entry = *entries[i];
    for (const ingest::Record& record : entry.decoded.records) {
      keys.insert(keys.end(), {entry.decoded.nserie, record.frame_id, codec_of(entry)});
      by_key.emplace(Key(entry.decoded.nserie, record.frame_id, codec_of(entry)), i);
    }
  }
  std::vector<bool> found(entries.size());
  ask(connection, kFrames, 3, keys, [&](const db::Row& row) {
    const std::string nserie(row.text(0));
    const std::string codec(row.text(2));
    const auto [first, last] = by_key.equal_range(Key(nserie, row.uint64(1), codec));
    for (auto each = first; each != last; ++each)
      found[each->second] = true;
  });
  return found;
}

}  // namespace hilera
