// The configuration of hilerad: plain values, checked, with every default at its member.
//
// daemon/config_options.cc declares each option of the file once (key, type, range, help); the parser, the checks,
// `--print-config` and config/hilera.yaml come from that declaration. load_config() reports everything that is wrong
// with a file, not only the first thing. The values are read once at start and never change; nothing here yields.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/host_port.h"

namespace hilera {

enum class AckMode : std::uint8_t { kJournal, kDatabase };
enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

enum class AuthMode : std::uint8_t { kNone, kOptional, kRequired };
enum class DevicesMode : std::uint8_t { kAny, kKnown };

struct ListenerConfig {
  std::string name;
  std::string codec;
  std::string address;
  std::uint16_t port = 0;  // 0: the kernel chooses
  std::uint64_t receive_buffer = 16ULL << 20;
  bool store_raw = false;
  AuthMode auth = AuthMode::kNone;
  std::string keys_file;  // see daemon/secret.h; empty: none
  DevicesMode devices = DevicesMode::kAny;
  std::string devices_file;  // empty: none
  std::chrono::milliseconds pin_address{0};
  std::chrono::milliseconds reply_window{120'000};
  std::uint32_t prefix_rate = 0;  // datagrams a second; 0: no limit
  std::uint32_t prefix_burst = 1000;

  bool operator==(const ListenerConfig&) const = default;
};

struct PipelineConfig {
  std::uint32_t max_in_flight = 20'000;
  std::uint32_t max_in_flight_per_source = 64;
  std::uint32_t max_in_flight_per_device = 1000;
  AckMode ack = AckMode::kJournal;
  std::chrono::milliseconds store_deadline{10'000};

  bool operator==(const PipelineConfig&) const = default;
};

struct JournalConfig {
  std::string directory = "/var/lib/hilera/journal";
  std::uint64_t max_size = 4ULL << 30;
  std::uint64_t segment_size = 64ULL << 20;

  bool operator==(const JournalConfig&) const = default;
};

struct TlsConfig {
  std::string ca;  // empty: the certificates that the system trusts
  bool verify = true;

  bool operator==(const TlsConfig&) const = default;
};

// Either `hosts` or `socket` is set.
struct DatabaseConfig {
  std::vector<HostPort> hosts;
  std::string socket;
  std::string user = "hilera";
  std::string password_file;  // see daemon/secret.h; empty: no password
  std::string name = "hilera";
  std::uint32_t connections = 8;
  std::uint32_t shards = 4;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds query_timeout{10'000};
  std::chrono::milliseconds grace{60'000};
  std::optional<TlsConfig> tls;

  bool operator==(const DatabaseConfig&) const = default;
};

struct TransmitConfig {
  bool enabled = true;
  std::chrono::milliseconds poll_interval{250};
  std::uint32_t batch = 100;
  std::chrono::milliseconds answer_timeout{30'000};

  bool operator==(const TransmitConfig&) const = default;
};

struct HttpConfig {
  std::string address = "127.0.0.1";
  std::uint16_t port = 9850;
  std::vector<std::string> allowed_hosts;
  std::uint32_t max_connections = 32;
  std::chrono::milliseconds request_timeout{10'000};

  bool operator==(const HttpConfig&) const = default;
};

struct ControlConfig {
  std::string socket = "/run/hilera/control";

  bool operator==(const ControlConfig&) const = default;
};

struct LogConfig {
  LogLevel level = LogLevel::kInfo;
  std::chrono::milliseconds repeat_interval{10'000};

  bool operator==(const LogConfig&) const = default;
};

struct DrainConfig {
  std::chrono::milliseconds timeout{30'000};

  bool operator==(const DrainConfig&) const = default;
};

struct GreenletsConfig {
  std::uint64_t stack_size = 256ULL << 10;
  std::uint32_t max = 25'000;
  std::chrono::milliseconds max_blocking{100};

  bool operator==(const GreenletsConfig&) const = default;
};

struct DevicesConfig {
  std::uint32_t max_known = 200'000;

  bool operator==(const DevicesConfig&) const = default;
};

struct Config {
  std::string collector;  // the host's name where the file has none
  std::vector<ListenerConfig> listeners;
  PipelineConfig pipeline;
  JournalConfig journal;
  std::optional<DatabaseConfig> database;  // none: everything stays in the journal
  TransmitConfig transmit;
  HttpConfig http;
  ControlConfig control;
  LogConfig log;
  DrainConfig drain;
  GreenletsConfig greenlets;
  DevicesConfig devices;

  bool operator==(const Config&) const = default;
};

// What is wrong with a file. `line` is 0 where no line can be named (the file cannot be read).
struct ConfigIssue {
  int line = 0;
  std::string key;
  std::string message;
};

// Everything that is wrong with a file; what() is one line per issue: `FILE:LINE: KEY: MESSAGE`. Who catches it in a
// main() exits with kExitConfig.
class ConfigError : public std::runtime_error {
 public:
  ConfigError(std::string_view file, std::vector<ConfigIssue> issues);

  [[nodiscard]] const std::vector<ConfigIssue>& issues() const { return issues_; }

 private:
  std::vector<ConfigIssue> issues_;
};

// Throws ConfigError. `file` is the name that messages give to the text.
Config parse_config(const std::string& text, std::string_view file);
Config load_config(const std::string& path);

// What an operator should be told at start about a configuration that is not wrong.
std::vector<std::string> config_notices(const Config& config);

// The effective configuration as YAML that parses back to the same values. It holds no secret: the file has no option
// for one, only names of files.
std::string print_config(const Config& config);

// config/hilera.yaml: every option with its explanation, range and default, in a file that can be used as it is.
std::string reference_config();

}  // namespace hilera
