#include "daemon/config.h"

#include <unistd.h>
#include <yaml-cpp/eventhandler.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>

#include "daemon/config_options.h"
#include "ingest/codec.h"

namespace hilera {

namespace {

using options::Reader;
using options::Writer;

constexpr std::string_view kReferenceHead =
    "# The reference configuration of hilerad: every option with its range and default.\n"
    "#\n"
    "# Values of time and size carry their unit: ms, s, min, h, d; B, KiB, MiB, GiB, TiB. Unknown keys and values out "
    "of\n"
    "# range are errors; `hilerad --check-config` lists all of them. A key behind \"# \" is not set. Secrets are "
    "never\n"
    "# written here, only the names of the files that hold them.\n"
    "#\n"
    "# Generated from daemon/config_options.cc by `hilerad --reference-config`.\n";

constexpr std::uint32_t kOwnGreenlets =
    64;  // receivers, servers, transmitter, signals and others that are always there

std::string describe(std::string_view file, const std::vector<ConfigIssue>& issues) {
  std::string text;
  for (const ConfigIssue& issue : issues) {
    if (!text.empty()) text += '\n';
    text += file;
    if (issue.line > 0) text.append(":").append(std::to_string(issue.line));
    text += ": ";
    if (!issue.key.empty()) text.append(issue.key).append(": ");
    text += issue.message;
  }
  return text;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0)
    throw std::system_error(errno, std::generic_category(), "gethostname");
  return name.data();
}

void check_trust(const ListenerConfig& listener, const std::string& path, Reader& reader) {
  const ingest::Codec* codec = ingest::find_codec(listener.codec);
  const bool proves = codec && codec->key_form() != ingest::KeyForm::kNone;
  if (codec && !proves && (listener.auth != AuthMode::kNone || !listener.keys_file.empty())) {
    reader.error_at(path + (listener.keys_file.empty() ? ".auth" : ".keys_file"),
                    "the codec " + listener.codec + " cannot prove anything");
  }
  if ((listener.auth != AuthMode::kNone) == listener.keys_file.empty() && proves) {
    reader.error_at(path + ".auth", "`auth: optional` or `required` and `keys_file` go together");
  }
  if (listener.devices == DevicesMode::kKnown && listener.devices_file.empty() && listener.keys_file.empty()) {
    reader.error_at(path + ".devices", "\"known\" needs a devices_file or a keys_file");
  }
}

void check_listeners(const std::vector<ListenerConfig>& listeners, Reader& reader) {
  if (listeners.empty() && reader.seen("listeners")) reader.error_at("listeners", "expected at least one listener");
  std::map<std::string, std::size_t> names;
  std::map<std::pair<std::string, std::uint16_t>, std::size_t> endpoints;
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    const ListenerConfig& listener = listeners[i];
    const std::string path = "listeners[" + std::to_string(i) + "]";
    if (!listener.name.empty() && !names.emplace(listener.name, i).second) {
      reader.error_at(path + ".name", "expected a name that no other listener has, got \"" + listener.name + "\"");
    }
    if (listener.port != 0 && !endpoints.emplace(std::pair(listener.address, listener.port), i).second) {
      reader.error_at(path + ".port", "expected an address and port that no other listener has");
    }
    check_trust(listener, path, reader);
  }
}

void check_database(const std::optional<DatabaseConfig>& database, Reader& reader) {
  if (!database) return;
  if (reader.seen("database.hosts") == reader.seen("database.socket")) {
    reader.error_at("database", "expected either `hosts` or `socket`");
  }
  if (database->tls && !database->socket.empty()) {
    reader.error_at("database.tls", "is only for `hosts`: a Unix socket is not encrypted");
  }
}

void check_limits(const Config& config, Reader& reader) {
  if (config.pipeline.max_in_flight_per_source > config.pipeline.max_in_flight) {
    reader.error_at("pipeline.max_in_flight_per_source",
                    "expected at most pipeline.max_in_flight, " + std::to_string(config.pipeline.max_in_flight));
  }
  const auto needed = config.pipeline.max_in_flight + config.http.max_connections + kOwnGreenlets;
  if (config.pipeline.ack == AckMode::kDatabase && !config.database) {
    reader.error_at("pipeline.ack", "cannot be \"database\" without a database section");
  }
  if (config.journal.segment_size * 2 > config.journal.max_size) {
    reader.error_at("journal.segment_size", "expected at most half of journal.max_size");
  }
  if (config.greenlets.max < needed) {
    reader.error_at("greenlets.max", "expected at least pipeline.max_in_flight + http.max_connections + " +
                                         std::to_string(kOwnGreenlets) + ", " + std::to_string(needed));
  }
}

// Both styles of output are one walk over the declaration; a blank line parts the sections.
std::string write(const Config& config, Writer::Style style) {
  Writer writer(style);
  for (const auto& option : config_options()) {
    if (!option.type.is_set(config) && style == Writer::Style::kValues) continue;
    if (style == Writer::Style::kReference) writer.blank_line();
    options::write_section({option}, config, writer);
  }
  return writer.text();
}

// How many documents a text has, and where the last one begins.
class DocumentCounter final : public YAML::EventHandler {
 public:
  [[nodiscard]] int documents() const { return documents_; }
  [[nodiscard]] int last_line() const { return last_line_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    ++documents_;
    last_line_ = mark.line + 1;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  int documents_ = 0;
  int last_line_ = 0;
};

// The line of a second document; 0: there is none. Not by YAML::LoadAll(), which finds documents without end, each with
// memory of its own, in a text such as ",".
int line_of_second_document(const std::string& text) {
  std::istringstream in(text);
  YAML::Parser parser(in);
  DocumentCounter counter;
  while (counter.documents() < 2 && parser.HandleNextDocument(counter)) {
  }
  return counter.documents() < 2 ? 0 : counter.last_line();
}

}  // namespace

ConfigError::ConfigError(std::string_view file, std::vector<ConfigIssue> issues)
    : std::runtime_error(describe(file, issues)), issues_(std::move(issues)) {}

Config parse_config(const std::string& text, std::string_view file) {
  Config config;
  Reader reader;
  try {
    if (const int line = line_of_second_document(text); line != 0) {
      reader.error(line, "", "expected one YAML document, got several");
    } else {
      options::read_section(config_options(), YAML::Load(text), "", config, reader);
    }
  } catch (const YAML::Exception& error) {
    throw ConfigError(file, {{error.mark.is_null() ? 0 : error.mark.line + 1, "", "not valid YAML: " + error.msg}});
  }
  check_listeners(config.listeners, reader);
  check_database(config.database, reader);
  check_limits(config, reader);
  if (!reader.seen("collector")) config.collector = host_name();
  if (!reader.seen("collector") && !is_label(config.collector)) {
    reader.error(0, "collector", "is needed: the host's name, \"" + config.collector + "\", cannot be used");
  }
  if (auto issues = reader.take_issues(); !issues.empty()) throw ConfigError(file, std::move(issues));
  return config;
}

Config load_config(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || file.bad()) {
    throw ConfigError(path, {{0, "", "cannot be read: " + std::generic_category().message(errno)}});
  }
  return parse_config(text.str(), path);
}

std::vector<std::string> config_notices(const Config& config) {
  std::vector<std::string> notices;
  if (!config.database) {
    notices.emplace_back(
        "there is no database section: records stay in the journal, `hileractl journal export` reads it");
  }
  return notices;
}

std::string print_config(const Config& config) {
  return write(config, Writer::Style::kValues);
}

std::string reference_config() {
  Config config;
  config.listeners = {
      {.name = "native", .codec = "native", .address = "0.0.0.0", .port = 5600},
      {.name = "trackers", .codec = "teltonika", .address = "0.0.0.0", .port = 5027},
  };
  config.database.emplace();
  config.database->hosts = {{"127.0.0.1", 3306}};
  config.database->password_file = "credential:db-password";
  return std::string(kReferenceHead) + write(config, Writer::Style::kReference);
}

}  // namespace hilera
