#include "daemon/config_options.h"

#include <algorithm>

#include "ingest/codec.h"

namespace hilera {

namespace {

using namespace std::chrono_literals;
using options::bytes;
using options::choice;
using options::duration;
using options::flag;
using options::integer;
using options::list;
using options::Schema;
using options::section;
using options::sections;
using options::text;
using options::TextRule;
using options::Type;

constexpr std::uint64_t kKiB = 1ULL << 10;
constexpr std::uint64_t kMiB = 1ULL << 20;
constexpr std::uint64_t kGiB = 1ULL << 30;
constexpr std::uint64_t kTiB = 1ULL << 40;

constexpr std::uint16_t kDatabasePort = 3306;
constexpr std::size_t kMaxLabel = 63;        // the width of the columns `collector` and `listener`
constexpr std::size_t kMaxSocketPath = 107;  // what sockaddr_un holds
constexpr std::size_t kMaxPath = 4095;
constexpr std::size_t kMaxIdentifier = 64;

bool printable_ascii(std::string_view given) {
  return std::all_of(given.begin(), given.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

bool no_controls(std::string_view given) {
  return std::none_of(given.begin(), given.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

}  // namespace

bool is_label(std::string_view given) {
  return !given.empty() && given.size() <= kMaxLabel && std::all_of(given.begin(), given.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

namespace {

bool is_path(std::string_view given, std::size_t limit) {
  return given.size() > 1 && given.size() <= limit && given.front() == '/' && no_controls(given);
}

bool is_secret_source(std::string_view given) {
  constexpr std::string_view kCredential = "credential:";
  return given.starts_with(kCredential) ? is_label(given.substr(kCredential.size())) : is_path(given, kMaxPath);
}

constexpr TextRule kLabel{"1 to 63 letters, digits, '-', '_' or '.'", is_label};
constexpr TextRule kAddress{"an IPv4 or IPv6 address", is_ip_address};
constexpr TextRule kPath{"an absolute path", [](std::string_view given) { return is_path(given, kMaxPath); }};
constexpr TextRule kSocketPath{"an absolute path of at most 107 characters",
                               [](std::string_view given) { return is_path(given, kMaxSocketPath); }};
constexpr TextRule kIdentifier{"1 to 64 printable characters without spaces", [](std::string_view given) {
                                 return !given.empty() && given.size() <= kMaxIdentifier && printable_ascii(given);
                               }};
constexpr TextRule kSecretSource{"an absolute path, or credential:NAME for a credential that systemd passed",
                                 is_secret_source};

Type<ListenerConfig> codec_name() {
  static const std::string expected = [] {
    std::string names;
    for (const auto name : ingest::codec_names())
      names.append(names.empty() ? "one of " : ", ").append(name);
    return names;
  }();
  return text(&ListenerConfig::codec,
              TextRule{expected, [](std::string_view given) { return ingest::find_codec(given) != nullptr; }});
}

const Schema<ListenerConfig>& listener_options() {
  static const Schema<ListenerConfig> schema{
      {.key = "name",
       .type = text(&ListenerConfig::name, kLabel),
       .help = "How metrics, logs and the column `listener` call it; unique.",
       .required = true},
      {.key = "codec", .type = codec_name(), .help = "The protocol that its devices speak.", .required = true},
      {.key = "address",
       .type = text(&ListenerConfig::address, kAddress),
       .help =
           "Where it listens: one address of this host, or 0.0.0.0 or \"::\" for all of them (an answer leaves from "
           "the address that the device used).",
       .required = true},
      {.key = "port",
       .type = integer(&ListenerConfig::port, 0, 65535),
       .help = "Its UDP port; with 0 the kernel chooses one, which the log tells.",
       .required = true},
      {.key = "receive_buffer",
       .type = bytes(&ListenerConfig::receive_buffer, 64 * kKiB, kGiB),
       .help =
           "What the kernel may hold back for it while Hilera is busy. Granted up to net.core.rmem_max; the log tells "
           "when it is less. Of a socket that systemd hands over, ReceiveBuffer= of the socket unit counts."},
      {.key = "store_raw",
       .type = flag(&ListenerConfig::store_raw),
       .help = "Whether the bytes of each record go to the column `raw` too."},
      {.key = "auth",
       .type = choice<ListenerConfig, AuthMode>(
           &ListenerConfig::auth,
           {{"none", AuthMode::kNone}, {"optional", AuthMode::kOptional}, {"required", AuthMode::kRequired}}),
       .help = "Whether devices have to prove who they are, with codecs that can (native, collectd). optional: who has "
               "done so once must go on doing so."},
      {.key = "keys_file",
       .type = text(&ListenerConfig::keys_file, kSecretSource),
       .help = "The keys of its devices, a file that only hilerad may read: lines `SERIAL ID KEY`, or `* ID KEY` for a "
               "master key of all (see `hileractl key`); for codec collectd lines `USER: PASSWORD`.",
       .example = "/etc/hilera/device-keys"},
      {.key = "devices",
       .type = choice<ListenerConfig, DevicesMode>(&ListenerConfig::devices,
                                                   {{"any", DevicesMode::kAny}, {"known", DevicesMode::kKnown}}),
       .help = "Which devices may send. known: those in devices_file, and those with a key of their own."},
      {.key = "devices_file",
       .type = text(&ListenerConfig::devices_file, kPath),
       .help = "The serials of known devices, one a line.",
       .example = "/etc/hilera/devices"},
      {.key = "pin_address",
       .type = duration(&ListenerConfig::pin_address, 0ms, 24h),
       .help =
           "A device that proves nothing stays bound to the IP address it was heard from until it was silent for so "
           "long; 0: not at all. Mobile networks change addresses at will."},
      {.key = "reply_window",
       .type = duration(&ListenerConfig::reply_window, 0ms, 24h),
       .help =
           "How long after a device was heard it is sent downlinks; later ones leave right after its next datagram. "
           "No longer than the NAT before the devices keeps a way open; mobile networks: 30s. 0: for ever, for "
           "devices whose address does not change."},
      {.key = "prefix_rate",
       .type = integer(&ListenerConfig::prefix_rate, 0, 10'000'000),
       .help =
           "Datagrams a second that are taken from one network, an IPv4 /24 or an IPv6 /64; what comes beyond it is "
           "dropped and counted. 0: no limit. Mobile operators put thousands of devices behind one address."},
      {.key = "prefix_burst",
       .type = integer(&ListenerConfig::prefix_burst, 1, 10'000'000),
       .help = "How many of them may come at once after a silence."},
  };
  return schema;
}

const Schema<PipelineConfig>& pipeline_options() {
  static const Schema<PipelineConfig> schema{
      {.key = "max_in_flight",
       .type = integer(&PipelineConfig::max_in_flight, 1, 1'000'000),
       .help = "Datagrams that are worked on at once, each in its greenlet. What comes beyond it is dropped and "
               "counted, not "
               "acknowledged."},
      {.key = "max_in_flight_per_source",
       .type = integer(&PipelineConfig::max_in_flight_per_source, 1, 100'000),
       .help = "The same for one device at one address, so that a flood is shed before its neighbours are."},
      {.key = "max_in_flight_per_device",
       .type = integer(&PipelineConfig::max_in_flight_per_device, 1, 1'000'000),
       .help = "The same for one device wherever its datagrams come from, once it is believed who sent them."},
      {.key = "ack",
       .type = choice<PipelineConfig, AckMode>(&PipelineConfig::ack,
                                               {{"journal", AckMode::kJournal}, {"database", AckMode::kDatabase}}),
       .help =
           "When a device gets its acknowledgement: when its datagram is synced in the local journal, or when it is "
           "committed in the database. With the latter, what comes while the database is away gets none, and is stored "
           "all the same."},
      {.key = "store_deadline",
       .type = duration(&PipelineConfig::store_deadline, 100ms, 10min),
       .help = "With `ack: database`: how long a datagram may take to be stored before it ends without an "
               "acknowledgement. It stays in the journal and is stored later."},
  };
  return schema;
}

const Schema<JournalConfig>& journal_options() {
  static const Schema<JournalConfig> schema{
      {.key = "directory",
       .type = text(&JournalConfig::directory, kPath),
       .help = "Where its segment files are. Outside of /var/lib/hilera the unit needs ReadWritePaths= with it."},
      {.key = "max_size",
       .type = bytes(&JournalConfig::max_size, 64 * kMiB, 16 * kTiB),
       .help = "What all of them may take together. A datagram that comes when the journal is full is dropped, counted "
               "and not acknowledged."},
      {.key = "segment_size",
       .type = bytes(&JournalConfig::segment_size, 4 * kMiB, 4 * kGiB),
       .help =
           "When one of them is full and the next one is begun; a file is deleted as a whole, when all that it holds "
           "is in the database."},
  };
  return schema;
}

const Schema<TlsConfig>& tls_options() {
  static const Schema<TlsConfig> schema{
      {.key = "ca",
       .type = text(&TlsConfig::ca, kPath),
       .help = "File with the certificates that are trusted; without it those that the system trusts.",
       .example = "/etc/hilera/db-ca.pem"},
      {.key = "verify",
       .type = flag(&TlsConfig::verify),
       .help = "Whether the server must show a certificate that is trusted and bears its name."},
  };
  return schema;
}

const Schema<DatabaseConfig>& database_options() {
  static const Schema<DatabaseConfig> schema{
      {.key = "hosts",
       .type = list<DatabaseConfig, HostPort>(
           &DatabaseConfig::hosts, "servers as HOST, HOST:PORT or [IPV6]:PORT",
           [](std::string_view given) { return parse_host_port(given, kDatabasePort); },
           [](const HostPort& host) { return host.text(); }),
       .help =
           "The servers: one, or the nodes of a cluster. All connections are to one of them; when that fails, to the "
           "next in this order. Either this or `socket` is needed.",
       .example = "[\"127.0.0.1:3306\"]"},
      {.key = "socket",
       .type = text(&DatabaseConfig::socket, kSocketPath),
       .help = "The Unix socket of a server on this host, instead of `hosts`.",
       .example = "/run/mysqld/mysqld.sock"},
      {.key = "user",
       .type = text(&DatabaseConfig::user, kIdentifier),
       .help = "Needs INSERT, SELECT and UPDATE on the tables of Hilera and nothing else."},
      {.key = "password_file",
       .type = text(&DatabaseConfig::password_file, kSecretSource),
       .help = "The file whose first line is the password; without it there is none.",
       .example = "credential:db-password"},
      {.key = "name", .type = text(&DatabaseConfig::name, kIdentifier), .help = "The database that has the tables."},
      {.key = "connections",
       .type = integer(&DatabaseConfig::connections, 1, 256),
       .help = "How many connections the pool keeps at most. One more watches the database."},
      {.key = "shards",
       .type = integer(&DatabaseConfig::shards, 1, 64),
       .help =
           "Into how many parts the devices are divided to be stored side by side; the frames of one device are always "
           "in the same part, in order. No more than `connections` can be at work."},
      {.key = "connect_timeout",
       .type = duration(&DatabaseConfig::connect_timeout, 100ms, 5min),
       .help = "For name resolution, connection, TLS and login together."},
      {.key = "query_timeout",
       .type = duration(&DatabaseConfig::query_timeout, 100ms, 1h),
       .help = "For one statement; the server is told to give up a little earlier."},
      {.key = "grace",
       .type = duration(&DatabaseConfig::grace, 0ms, 1h),
       .help =
           "With several `hosts`: for how long what is stored is kept in the journal, in at most half of its size, and "
           "looked for again when a server has died, because it may have taken it with it."},
      {.key = "tls",
       .type = section(&DatabaseConfig::tls, tls_options()),
       .help = "With this section, even an empty one, the connections are encrypted."},
  };
  return schema;
}

const Schema<TransmitConfig>& transmit_options() {
  static const Schema<TransmitConfig> schema{
      {.key = "enabled",
       .type = flag(&TransmitConfig::enabled),
       .help = "Whether rows of the table `downlink` are sent to the devices."},
      {.key = "poll_interval",
       .type = duration(&TransmitConfig::poll_interval, 10ms, 1h),
       .help = "The pause after a look at the table that found nothing; after one that found something there is none."},
      {.key = "batch",
       .type = integer(&TransmitConfig::batch, 1, 1'000),
       .help = "How many rows are taken from the table at once."},
      {.key = "answer_timeout",
       .type = duration(&TransmitConfig::answer_timeout, 100ms, 1h),
       .help = "How long a device has to answer a first attempt, with twice as long for each further one, an hour at "
               "most. Until then nothing else is sent to it."},
  };
  return schema;
}

const Schema<HttpConfig>& http_options() {
  static const Schema<HttpConfig> schema{
      {.key = "address",
       .type = text(&HttpConfig::address, kAddress),
       .help = "Where the page for people (/), /metrics, /healthz, /readyz and /status are served. They only read, but "
               "they ask nobody for a name; keep them on the loopback address or in a network of your own."},
      {.key = "port",
       .type = integer(&HttpConfig::port, 0, 65535),
       .help = "Its TCP port; with 0 the kernel chooses one."},
      {.key = "allowed_hosts",
       .type = list<HttpConfig, std::string>(
           &HttpConfig::allowed_hosts, "host names",
           [](std::string_view given) {
             return is_host_name(given) || is_ip_address(given) ? std::optional<std::string>(given) : std::nullopt;
           },
           [](const std::string& host) { return host; }),
       .help =
           "Names under which it may be asked, beside localhost and its address; a request with another Host header is "
           "refused, which keeps web pages of others out.",
       .example = "[collector.example]"},
      {.key = "max_connections",
       .type = integer(&HttpConfig::max_connections, 1, 1'000),
       .help = "Connections at once; one more is closed."},
      {.key = "request_timeout",
       .type = duration(&HttpConfig::request_timeout, 100ms, 5min),
       .help = "For a request to arrive whole and its answer to be taken, and for a connection to stay without one."},
  };
  return schema;
}

const Schema<ControlConfig>& control_options() {
  static const Schema<ControlConfig> schema{
      {.key = "socket",
       .type = text(&ControlConfig::socket, kSocketPath),
       .help = "The Unix socket on which hileractl reaches hilerad; its owner and group may use it (mode 0660)."},
  };
  return schema;
}

const Schema<LogConfig>& log_options() {
  static const Schema<LogConfig> schema{
      {.key = "level",
       .type = choice<LogConfig, LogLevel>(&LogConfig::level, {{"debug", LogLevel::kDebug},
                                                               {"info", LogLevel::kInfo},
                                                               {"warning", LogLevel::kWarning},
                                                               {"error", LogLevel::kError}}),
       .help = "Lines below it are not written."},
      {.key = "repeat_interval",
       .type = duration(&LogConfig::repeat_interval, 0ms, 24h),
       .help = "Of events that outside parties can cause at will, one line is written in this time, with the number of "
               "those "
               "that were not."},
  };
  return schema;
}

const Schema<DrainConfig>& drain_options() {
  static const Schema<DrainConfig> schema{
      {.key = "timeout",
       .type = duration(&DrainConfig::timeout, 0ms, 1h),
       .help = "How long what is in flight may take to end after SIGTERM or SIGINT. A second signal ends at once."},
  };
  return schema;
}

const Schema<GreenletsConfig>& greenlets_options() {
  static const Schema<GreenletsConfig> schema{
      {.key = "stack_size",
       .type = bytes(&GreenletsConfig::stack_size, 128 * kKiB, 8 * kMiB),
       .help = "Address space of each stack; memory is taken only for what is used of it."},
      {.key = "max",
       .type = integer(&GreenletsConfig::max, 100, 1'000'000),
       .help = "Greenlets at once, more than pipeline.max_in_flight. Each takes up to two of the kernel's "
               "vm.max_map_count (65530 by default)."},
      {.key = "max_blocking",
       .type = duration(&GreenletsConfig::max_blocking, 10ms, 1min),
       .help = "A greenlet that runs for longer without letting others run is logged as hub_blocked."},
  };
  return schema;
}

const Schema<DevicesConfig>& devices_options() {
  static const Schema<DevicesConfig> schema{
      {.key = "max_known",
       .type = integer(&DevicesConfig::max_known, 1, 10'000'000),
       .help = "Devices whose last address is kept in memory; beyond it the least recently heard goes."},
  };
  return schema;
}

}  // namespace

const Schema<Config>& config_options() {
  static const Schema<Config> schema{
      {.key = "collector",
       .type = text(&Config::collector, kLabel),
       .help = "The name of this collector in the tables; without it the host's name.",
       .example = "host-a"},
      {.key = "listeners",
       .type = sections(&Config::listeners, listener_options()),
       .help = "Where datagrams are received, at least one.",
       .required = true},
      {.key = "pipeline", .type = section(&Config::pipeline, pipeline_options()), .help = "The path of a datagram."},
      {.key = "journal",
       .type = section(&Config::journal, journal_options()),
       .help = "The local journal, in front of the database. A datagram is acknowledged when it is in it."},
      {.key = "database",
       .type = section(&Config::database, database_options()),
       .help = "The MariaDB server. Without this section everything stays in the journal."},
      {.key = "transmit",
       .type = section(&Config::transmit, transmit_options()),
       .help = "Frames down to the devices."},
      {.key = "http", .type = section(&Config::http, http_options()), .help = "The web server."},
      {.key = "control", .type = section(&Config::control, control_options()), .help = "The control socket."},
      {.key = "log", .type = section(&Config::log, log_options()), .help = "The log, on standard error."},
      {.key = "drain", .type = section(&Config::drain, drain_options()), .help = "The orderly end."},
      {.key = "greenlets", .type = section(&Config::greenlets, greenlets_options()), .help = "The green threads."},
      {.key = "devices",
       .type = section(&Config::devices, devices_options()),
       .help = "What is remembered of devices."},
  };
  return schema;
}

}  // namespace hilera
