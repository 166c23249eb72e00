#include "daemon/control_server.h"

#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>

#include "daemon/control_protocol.h"
#include "daemon/line_reader.h"
#include "daemon/logging.h"
#include "greenrt/error.h"

namespace hilera {

namespace {

using nlohmann::json;

constexpr mode_t kSocketMode = 0660;
constexpr std::size_t kMaxConnections = 16;
constexpr std::chrono::seconds kIdleTimeout{60};
constexpr std::chrono::seconds kWriteTimeout{10};
constexpr std::chrono::seconds kProbeTimeout{1};

bool somebody_listens(const std::string& path) {
  try {
    greenrt::Stream::connect_unix(path, kProbeTimeout);
    return true;
  } catch (const greenrt::TimeoutExpired& expired) {
    if (expired.timeout_id() != 0) throw;
    return true;
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::connection_refused) return false;
    if (error.code() == std::errc::resource_unavailable_try_again) return true;  // its backlog is full
    throw;
  }
}

greenrt::Listener bind_socket(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) throw std::runtime_error("control.socket: " + path + " is there and is no socket");
    if (somebody_listens(path)) {
      throw std::runtime_error("control.socket: another process listens on " + path);
    }
    if (unlink(path.c_str()) != 0) throw std::system_error(errno, std::generic_category(), "control.socket: " + path);
  }
  try {
    return greenrt::Listener::bind_unix(path, kSocketMode);
  } catch (const std::system_error& error) {
    throw std::system_error(error.code(), "control.socket: " + path);
  }
}

json refusal(std::string_view why) {
  return {{"ok", false}, {"error", why}};
}

}  // namespace

ControlServer::ControlServer(std::string path, Commands commands)
    : path_(std::move(path)),
      commands_(std::move(commands)),
      server_("control", bind_socket(path_), kMaxConnections, [this](auto& connection) { serve(connection); }) {
  struct stat status {};
  if (lstat(path_.c_str(), &status) != 0)
    throw std::system_error(errno, std::generic_category(), "control.socket: " + path_);
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

ControlServer::~ControlServer() {
  server_.stop(greenrt::Duration::zero());
  struct stat status {};
  const bool ours = lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
  if (ours && unlink(path_.c_str()) != 0) {
    log::warning("control_socket_left", {{"path", path_}, {"error", std::generic_category().message(errno)}});
  }
}

void ControlServer::serve(ConnectionServer::Connection& connection) {
  const auto peer = connection.stream().peer_credentials();
  LineReader reader(connection.stream(), control::kMaxRequest);
  while (!connection.stopping()) {
    std::optional<std::string> line;
    try {
      line = reader.read_line(kIdleTimeout);
    } catch (const LineTooLong& error) {
      connection.stream().write_all(refusal(error.what()).dump() + "\n", kWriteTimeout);
      return;
    }
    if (!line) return;
    connection.set_busy(true);
    const std::string text = answer(*line, peer).dump(-1, ' ', false, json::error_handler_t::replace);
    connection.stream().write_all(text + "\n", kWriteTimeout);
    connection.set_busy(false);
  }
}

json ControlServer::answer(const std::string& line, const greenrt::Stream::PeerCredentials& peer) {
  const json request = json::parse(line, nullptr, false);
  if (!request.is_object()) return refusal("expected a JSON object on one line");
  const auto name = request.find("command");
  if (name == request.end() || !name->is_string()) return refusal("expected a text `command`");
  const json arguments = request.value("arguments", json::object());
  if (!arguments.is_object()) return refusal("expected an object `arguments`");
  const auto command = commands_.find(name->get_ref<const std::string&>());
  if (command == commands_.end()) return refusal("unknown command");

  const auto record = [&](LogLevel level, std::string_view outcome) {
    log::write(
        level, "control_command",
        {{"command", command->first}, {"outcome", outcome}, {"pid", peer.pid}, {"uid", peer.uid}, {"gid", peer.gid}});
  };
  const LogLevel level = command->second.changes_something ? LogLevel::kInfo : LogLevel::kDebug;
  try {
    json result = command->second.handler(arguments);
    record(level, "done");
    return {{"ok", true}, {"result", std::move(result)}};
  } catch (const ControlError& error) {
    record(level, error.what());
    return refusal(error.what());
  } catch (const json::exception& error) {
    record(level, error.what());
    return refusal(std::string("the arguments are not right: ") + error.what());
  } catch (const std::exception& error) {
    record(LogLevel::kError, error.what());
    return refusal("failed; the log of hilerad has the reason");
  }
}

}  // namespace hilera
