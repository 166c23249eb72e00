#include "daemon/frame_lookup.h"

#include <string>
#include <string_view>

#include "db/value.h"
#include "ingest/codec.h"
#include "ingest/origin.h"

namespace hilera {
namespace {

constexpr std::size_t kKeys = 100;  // in one statement
constexpr std::size_t kColumns = 4;

std::string statement_text() {
  constexpr std::string_view kKey = "(nserie = ? AND frame_id = ? AND codec = ? AND arrival = ?)";
  std::string text = "SELECT COUNT(*) FROM frame WHERE ";
  for (std::size_t key = 0; key < kKeys; ++key) {
    if (key > 0) text += " OR ";
    text += kKey;
  }
  return text;
}

// The last key stands in for those that are missing, so that the statement is always the same.
std::uint64_t count(db::Connection& connection, std::vector<db::Value>& values) {
  static const std::string kStatement = statement_text();
  while (values.size() < kKeys * kColumns)
    values.push_back(values[values.size() - kColumns]);
  const db::Rows rows = connection.execute(kStatement, values);
  values.clear();
  return rows[0].uint64(0);
}

}  // namespace

std::uint64_t count_stored_rows(db::Connection& connection, const std::vector<const ingest::Entry*>& entries) {
  std::uint64_t found = 0;
  std::vector<db::Value> values;
  for (const ingest::Entry* entry : entries) {
    const std::string_view codec = entry->datagram.origin->codec->name();
    for (const ingest::Record& record : entry->decoded.records) {
      values.insert(values.end(), {entry->decoded.nserie, record.frame_id, codec, entry->datagram.arrival});
      if (values.size() == kKeys * kColumns) found += count(connection, values);
    }
  }
  return values.empty() ? found : found + count(connection, values);
}

}  // namespace hilera
