#include "daemon/journal_export.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <string>
#include <utility>

#include "daemon/hex.h"
#include "ingest/frame_id.h"

namespace hilera {
namespace {

using nlohmann::json;

// Of datagrams a page, which is decoded without a pause: as JSON that is some twenty times as much, and takes
// milliseconds.
constexpr std::size_t kMostBytes = 32U << 10;

std::string utc_text(std::int64_t arrival) {
  const std::chrono::sys_time<std::chrono::microseconds> time{std::chrono::microseconds(arrival)};
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(second)),
                     (time - second).count());
}

}  // namespace

json JournalExport::page(std::int64_t after, std::size_t datagrams) {
  const Journal::Page page = journal_.read(after, {}, datagrams, kMostBytes);
  json records = json::array();
  for (const JournalRow& row : page.rows)
    add_records(row, records);
  return {{"records", std::move(records)},
          {"read_to", page.read_to},
          {"last_place", journal_.durable_place()},
          {"unreadable", page.quarantined()}};
}

void JournalExport::add_records(const JournalRow& row, json& records) {
  const ingest::Codec& codec = *origins_.find(row.listener, row.codec).codec;
  const json head{{"place", row.place},
                  {"arrival", row.arrival},
                  {"received_at", utc_text(row.arrival)},
                  {"listener", row.listener},
                  {"codec", row.codec},
                  {"peer", row.peer.to_string()},
                  {"auth_level", static_cast<unsigned>(row.auth_level)}};
  ingest::Decoded decoded;
  codec.decode(row.bytes, decoded);
  if (decoded.verdict != ingest::Verdict::kRecords) {
    json record = head;
    record["error"] = "its codec makes no records of it";
    record["bytes"] = to_hex(row.bytes);
    records.push_back(std::move(record));
    return;
  }
  decoded.prove(row.auth_level);
  ingest::identify(decoded.records);
  for (const ingest::Record& each : decoded.records) {
    json record = head;
    record["nserie"] = decoded.nserie;
    record["frame_id"] = each.frame_id;
    record["device_time"] = each.device_time ? json(*each.device_time) : json();
    std::string fields;
    codec.append_fields(row.bytes, each, fields);
    record["fields"] = json::accept(fields) ? json::parse(fields) : json(fields);
    records.push_back(std::move(record));
  }
}

}  // namespace hilera
