// The command line of hileractl.

#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace hilera::ctl {

inline constexpr std::string_view kDefaultConfig = "/etc/hilera/hilera.yaml";

enum class Command : std::uint8_t {
  kStatus,
  kTop,
  kHealthz,
  kReload,
  kSchemaApply,
  kDownlinkAdd,
  kDownlinkList,
  kDownlinkShow,
  kDownlinkCancel,
  kDeadLetterList,
  kDeadLetterShow,
  kDeadLetterReplay,
  kJournalInfo,
  kJournalExport,
  kKeyGenerate,
  kKeyDerive
};

struct CommandLine {
  Command command = Command::kStatus;
  bool json = false;
  std::string config;   // empty: not given
  std::string control;  // empty: that of the configuration, or the default one

  // top
  std::chrono::milliseconds interval{1000};
  std::optional<std::uint64_t> count;

  // schema apply: what is set wins over the configuration
  bool order_audit = false;
  std::string host;
  std::string socket;
  std::string user;
  std::string password_file;
  std::string database;
  std::string tls_ca;

  // downlink, dead-letter
  std::string nserie;
  std::string payload_hex;
  std::string not_before_in;
  std::string expires_in;
  std::optional<std::uint32_t> max_attempts;
  bool idempotent = false;
  std::string state;
  std::optional<std::uint32_t> limit;
  std::uint64_t id = 0;  // 0: not given

  // dead-letter
  std::string reason;
  std::string replayed = "no";
  bool all = false;

  // key; `nserie` empty: of all devices
  std::uint8_t key_id = 0;
  std::string keys_file;

  // journal; `limit` is in datagrams
  std::uint64_t after = 0;
  std::string directory;  // empty: the running daemon is asked
};

struct ParsedCommandLine {
  std::optional<CommandLine> command_line;  // none: there is nothing to do but to exit
  int exit_status = 0;
};

// Writes help and version to `out`, and what is wrong to `error`.
ParsedCommandLine parse_command_line(int argc, const char* const* argv, std::ostream& out, std::ostream& error);

}  // namespace hilera::ctl
