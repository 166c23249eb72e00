// ControlServer: the Unix socket through which hileractl asks hilerad for something or changes something.
//
// Who may is the business of the socket file: mode 0660, so its owner and group. Each command that changes something is
// logged with the peer's process, user and group. Bounded in connections, in the length of a request, and in time. The
// protocol is in control_protocol.h.

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <sys/types.h>

#include <functional>
#include <map>
#include <stdexcept>
#include <string>

#include "daemon/connection_server.h"

namespace hilera {

// What a handler throws to refuse a request; the text goes to the peer.
class ControlError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class ControlServer {
 public:
  // From the arguments (an object) to the result. May yield. Throws ControlError to refuse; another exception is
  // logged, and the peer is told only that it failed.
  using Handler = std::function<nlohmann::json(const nlohmann::json& arguments)>;

  struct Command {
    bool changes_something = true;
    Handler handler;
  };
  using Commands = std::map<std::string, Command, std::less<>>;

  // Binds the socket file. One that was left behind is replaced; when somebody listens on it, or it is no socket,
  // std::runtime_error is thrown. Yields. Throws std::system_error.
  ControlServer(std::string path, Commands commands);
  ~ControlServer();  // removes the socket file if it is still ours; may yield

  void start() { server_.start(); }
  // As ConnectionServer::stop().
  void stop(greenrt::Deadline deadline) { server_.stop(deadline); }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const ConnectionServer& connections() const { return server_; }

 private:
  void serve(ConnectionServer::Connection& connection);
  nlohmann::json answer(const std::string& line, const greenrt::Stream::PeerCredentials& peer);

  std::string path_;
  Commands commands_;
  ConnectionServer server_;
  dev_t device_;
  ino_t inode_;
};

}  // namespace hilera
