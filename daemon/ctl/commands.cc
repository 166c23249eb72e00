#include "daemon/ctl/commands.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <ostream>

#include "daemon/control_protocol.h"
#include "daemon/ctl/answer.h"
#include "daemon/ctl/dead_letters.h"
#include "daemon/ctl/journal.h"
#include "daemon/ctl/keys.h"
#include "daemon/ctl/schema_apply.h"
#include "daemon/ctl/top.h"
#include "daemon/ctl/views.h"
#include "daemon/exit_codes.h"

namespace hilera::ctl {

namespace {

using nlohmann::json;

int status(const CommandLine& line, std::ostream& out) {
  const json answer = ask(line, control::kStatus);
  print(out, line, answer, view_status(answer));
  return all_is_well(answer) ? kExitOk : kExitFailure;
}

int healthz(const CommandLine& line, std::ostream& out) {
  ask(line, control::kStatus);
  print(out, line, {{"alive", true}}, "ok\n");
  return kExitOk;
}

int reload(const CommandLine& line, std::ostream& out) {
  print(out, line, ask(line, control::kReload), "The configuration is in effect.\n");
  return kExitOk;
}

int schema_apply(const CommandLine& line, std::ostream& out) {
  const DatabaseConfig database = schema_database(line);
  const db::SchemaStatus status = apply_schema(database, line.order_audit);
  print(out, line, {{"database", database.name}, {"version", status.expected}, {"order_audit", line.order_audit}},
        fmt::format("The tables of database {} have version {}.\n", database.name, status.expected));
  return kExitOk;
}

int downlink_add(const CommandLine& line, std::ostream& out) {
  json arguments{{"nserie", line.nserie}, {"payload", line.payload_hex}};
  if (!line.not_before_in.empty()) arguments["not_before_in"] = line.not_before_in;
  if (!line.expires_in.empty()) arguments["expires_in"] = line.expires_in;
  if (line.max_attempts) arguments["max_attempts"] = *line.max_attempts;
  if (line.idempotent) arguments["idempotent"] = true;
  const json answer = ask(line, control::kDownlinkAdd, arguments);
  print(out, line, answer, fmt::format("Queued as {}.\n", answer.at("id").get<std::uint64_t>()));
  return kExitOk;
}

int downlink_list(const CommandLine& line, std::ostream& out) {
  json arguments = json::object();
  if (!line.nserie.empty()) arguments["nserie"] = line.nserie;
  if (!line.state.empty()) arguments["state"] = line.state;
  if (line.limit) arguments["limit"] = *line.limit;
  const json answer = ask(line, control::kDownlinkList, arguments);
  print(out, line, answer, view_downlinks(answer));
  return kExitOk;
}

int downlink_show(const CommandLine& line, std::ostream& out) {
  const json answer = ask(line, control::kDownlinkShow, {{"id", line.id}});
  print(out, line, answer, view_downlink(answer));
  return kExitOk;
}

int downlink_cancel(const CommandLine& line, std::ostream& out) {
  const json answer = ask(line, control::kDownlinkCancel, {{"id", line.id}});
  const bool cancelled = answer.at("cancelled").get<bool>();
  print(out, line, answer,
        cancelled ? fmt::format("Cancelled {}.\n", line.id) : fmt::format("{} is not queued (any more).\n", line.id));
  return cancelled ? kExitOk : kExitFailure;
}

}  // namespace

int run_command(const CommandLine& line, std::ostream& out, std::ostream& notes, const Terminals& terminals) {
  switch (line.command) {
    case Command::kStatus:
      return status(line, out);
    case Command::kTop:
      return top(line, out, terminals);
    case Command::kHealthz:
      return healthz(line, out);
    case Command::kReload:
      return reload(line, out);
    case Command::kSchemaApply:
      return schema_apply(line, out);
    case Command::kDownlinkAdd:
      return downlink_add(line, out);
    case Command::kDownlinkList:
      return downlink_list(line, out);
    case Command::kDownlinkShow:
      return downlink_show(line, out);
    case Command::kDownlinkCancel:
      return downlink_cancel(line, out);
    case Command::kDeadLetterList:
      return list_dead_letters(line, out);
    case Command::kDeadLetterShow:
      return show_dead_letter(line, out);
    case Command::kDeadLetterReplay:
      return replay_dead_letters(line, out, notes, terminals);
    case Command::kJournalInfo:
      return journal_info(line, out, notes);
    case Command::kKeyGenerate:
      return generate_key(line, out);
    case Command::kKeyDerive:
      return derive_key(line, out);
    case Command::kJournalExport:
      break;
  }
  return journal_export(line, out, notes, terminals);
}

}  // namespace hilera::ctl
