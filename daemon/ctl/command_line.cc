#include "daemon/ctl/command_line.h"

#include <CLI/CLI.hpp>

#include <ostream>

#include "daemon/exit_codes.h"
#include "daemon/units.h"
#include "daemon/version.h"

namespace hilera::ctl {

namespace {

std::string check_duration(const std::string& text) {
  return parse_duration(text) ? "" : "expected a duration with its unit, such as 5min";
}

std::string to_hex(const std::string& text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    hex.append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 0xf]);
  }
  return hex;
}

constexpr std::chrono::milliseconds kShortestInterval{100};
constexpr std::chrono::hours kLongestInterval{1};

std::string check_interval(const std::string& text) {
  const auto interval = parse_duration(text);
  const bool good = interval && *interval >= kShortestInterval && *interval <= kLongestInterval;
  return good ? "" : "expected a duration with its unit, from 100ms to 1h";
}

void add_top(CLI::App& app, CommandLine& line) {
  CLI::App* top = app.add_subcommand(
      "top",
      "What goes on now, drawn again and again on a terminal, until q; elsewhere, or with --json, a line each time");
  top->add_option_function<std::string>(
         "--interval", [&line](const std::string& text) { line.interval = *parse_duration(text); },
         "The time between two looks, 1s unless told otherwise")
      ->check(check_interval);
  top->add_option("--count", line.count, "End after so many")->check(CLI::PositiveNumber);
  top->callback([&line] { line.command = Command::kTop; });
}

void add_schema(CLI::App& app, CommandLine& line) {
  CLI::App* schema = app.add_subcommand("schema", "The tables in the database")->require_subcommand(1);
  CLI::App* apply = schema->add_subcommand("apply", "Create the tables, or bring them to the version of this program");
  apply->add_flag("--order-audit", line.order_audit,
                  "Also number the rows as they are stored (for tests; costs a third of the insert rate)");
  CLI::Option* host = apply->add_option("--host", line.host, "The server, HOST or HOST:PORT");
  apply->add_option("--socket", line.socket, "The Unix socket of a server on this host")->excludes(host);
  apply->add_option("--user", line.user, "Who may create and alter tables");
  apply->add_option("--password-file", line.password_file, "The file whose first line is the password of --user");
  apply->add_option("--database", line.database, "The database");
  apply->add_option("--tls-ca", line.tls_ca, "Encrypt, and trust servers with a certificate of this file");
  apply->callback([&line] { line.command = Command::kSchemaApply; });
}

void add_downlink(CLI::App& app, CommandLine& line) {
  CLI::App* downlink = app.add_subcommand("downlink", "Frames to devices")->require_subcommand(1);

  CLI::App* add = downlink->add_subcommand("add", "Queue a frame");
  add->add_option("nserie", line.nserie, "The device")->required();
  CLI::App* payload = add->add_option_group("Payload")->require_option(1);
  payload->add_option("--hex", line.payload_hex, "The bytes as hexadecimal digits");
  payload->add_option_function<std::string>(
      "--text", [&line](const std::string& text) { line.payload_hex = to_hex(text); }, "The bytes as they are typed");
  add->add_option("--after,--not-before", line.not_before_in, "Not before this time has passed, such as 5min")
      ->check(check_duration);
  add->add_option("--expires-in,--expires", line.expires_in, "Not after this time, such as 1h")->check(check_duration);
  add->add_option("--max-attempts", line.max_attempts, "How often to try")->check(CLI::Range(1U, 100U));
  add->add_flag("--idempotent", line.idempotent,
                "It may reach the device twice: also try again where the device cannot know a repetition");
  add->callback([&line] { line.command = Command::kDownlinkAdd; });

  CLI::App* list = downlink->add_subcommand("list", "Show the newest");
  list->add_option("--nserie", line.nserie, "Only of this device");
  list->add_option("--state", line.state, "Only in this state")
      ->check(CLI::IsMember({"queued", "sent", "delivered", "expired", "failed", "cancelled"}));
  list->add_option("--limit", line.limit, "At most so many")->check(CLI::Range(1U, 10'000U));
  list->callback([&line] { line.command = Command::kDownlinkList; });

  CLI::App* show = downlink->add_subcommand("show", "Show one with its bytes, its times and the device's answer");
  show->add_option("id", line.id, "Its number")->required()->check(CLI::PositiveNumber);
  show->callback([&line] { line.command = Command::kDownlinkShow; });

  CLI::App* cancel = downlink->add_subcommand("cancel", "Cancel one that is still queued");
  cancel->add_option("id", line.id, "Its number")->required();
  cancel->callback([&line] { line.command = Command::kDownlinkCancel; });
}

void add_dead_letter(CLI::App& app, CommandLine& line) {
  CLI::App* letters =
      app.add_subcommand("dead-letter", "Records that the database did not take")->require_subcommand(1);

  CLI::App* list = letters->add_subcommand("list", "Show the newest, and what stands in the way of each");
  list->add_option("--nserie", line.nserie, "Only of this device");
  list->add_option("--reason", line.reason, "Only for this reason, such as conflict or refused");
  list->add_option("--replayed", line.replayed, "Those that were replayed: yes, no, or all to show both")
      ->check(CLI::IsMember({"yes", "no", "all"}))
      ->capture_default_str();
  list->add_option("--limit", line.limit, "At most so many; 50 unless told otherwise")->check(CLI::PositiveNumber);
  list->callback([&line] { line.command = Command::kDeadLetterList; });

  CLI::App* show = letters->add_subcommand("show", "Show one with the bytes of its datagram");
  show->add_option("id", line.id, "Its number")->required()->check(CLI::PositiveNumber);
  show->callback([&line] { line.command = Command::kDeadLetterShow; });

  CLI::App* replay = letters->add_subcommand(
      "replay", "Put records into the table frame after all. Exit status 1 if one is not there afterwards");
  CLI::App* which = replay->add_option_group("Which")->require_option(1);
  which->add_option("--id", line.id, "The one of this number")->check(CLI::PositiveNumber);
  which->add_option("--nserie", line.nserie, "Those of this device");
  which->add_option("--reason", line.reason, "Those with this reason");
  which->add_flag("--all", line.all, "All that are not replayed, but for those with the reason unreadable");
  replay->add_option("--limit", line.limit, "At most so many, the oldest first")->check(CLI::PositiveNumber);
  replay->callback([&line] { line.command = Command::kDeadLetterReplay; });
}

void add_journal(CLI::App& app, CommandLine& line) {
  CLI::App* journal = app.add_subcommand("journal", "What is durable on this host")->require_subcommand(1);
  CLI::App* info = journal->add_subcommand("info", "Its size, and what waits in it for the database");
  info->callback([&line] { line.command = Command::kJournalInfo; });
  CLI::App* page = journal->add_subcommand(
      "export", "Print its records, one JSON object a line. Exit status 1 if some could not be read");
  page->add_option("--after", line.after, "Only those behind this place");
  page->add_option("--limit", line.limit, "Of at most so many datagrams")->check(CLI::PositiveNumber);
  page->callback([&line] { line.command = Command::kJournalExport; });
  for (CLI::App* each : {info, page}) {
    each->add_option("--directory", line.directory,
                     "Read this folder, of a hilerad that does not run; it may be started meanwhile. "
                     "Nothing in it is changed; the last file is copied to TMPDIR for the time being")
        ->check(CLI::ExistingDirectory);
  }
}

void add_key(CLI::App& app, CommandLine& line) {
  CLI::App* key =
      app.add_subcommand("key", "The keys with which native devices prove who they are")->require_subcommand(1);
  CLI::App* generate = key->add_subcommand(
      "generate", "Print a line with a new key for a keys_file: of one device, or a master key of all of them");
  generate->add_option("--nserie", line.nserie, "The device; without it a master key");
  generate->callback([&line] { line.command = Command::kKeyGenerate; });
  CLI::App* derive = key->add_subcommand("derive", "Print the key that a device has by a keys_file, to be put into it");
  derive->add_option("--nserie", line.nserie, "The device")->required();
  derive->add_option("--keys-file", line.keys_file, "The file")->required()->check(CLI::ExistingFile);
  derive->callback([&line] { line.command = Command::kKeyDerive; });
  for (CLI::App* each : {generate, derive})
    each->add_option("--id", line.key_id, "The number of the key, 0 to 255")->default_str("0");
}

}  // namespace

ParsedCommandLine parse_command_line(int argc, const char* const* argv, std::ostream& out, std::ostream& error) {
  CLI::App app("Asks and instructs a running hilerad, and looks after its tables.", "hileractl");
  CommandLine line;
  app.add_flag("--json", line.json, "Print the answer as JSON");
  app.add_option("--control", line.control, "The control socket of hilerad");
  app.add_option("--config", line.config, "The configuration file of hilerad");
  app.set_version_flag("--version", "hileractl " + std::string(version()));
  app.require_subcommand(1);
  app.fallthrough();
  app.add_subcommand("status", "Is all well? Exit status 1 if it is not")->callback([&line] {
    line.command = Command::kStatus;
  });
  add_top(app, line);
  app.add_subcommand("healthz", "Does hilerad answer at all?")->callback([&line] { line.command = Command::kHealthz; });
  app.add_subcommand("reload",
                     "Have the configuration read again. Exit status 1, and nothing is changed, if it is refused")
      ->callback([&line] { line.command = Command::kReload; });
  add_schema(app, line);
  add_downlink(app, line);
  add_dead_letter(app, line);
  add_journal(app, line);
  add_key(app, line);
  try {
    app.parse(argc, argv);
    return {.command_line = std::move(line)};
  } catch (const CLI::ParseError& reason) {
    return {.command_line = std::nullopt, .exit_status = app.exit(reason, out, error) == 0 ? kExitOk : kExitUsage};
  }
}

}  // namespace hilera::ctl
