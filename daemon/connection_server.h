// ConnectionServer: accepts connections on a listener and serves each in a greenlet of its own, up to a limit.
//
// What the HTTP server and the control socket share: the bound, the counters, and an orderly end. Belongs to one hub;
// made, started, stopped and destroyed in greenlets of it. What a connection does wrong ends that connection only, and
// is counted.

#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string_view>

#include "greenrt/greenlet.h"
#include "greenrt/stream.h"

namespace hilera {

class ConnectionServer {
 public:
  // One accepted connection, as long as it is served.
  class Connection {
   public:
    [[nodiscard]] greenrt::Stream& stream() { return stream_; }

    // Tells that a request is being worked on, so that stop() lets it finish.
    void set_busy(bool busy) { busy_ = busy; }
    // The server is stopping: no further request is to be read.
    [[nodiscard]] bool stopping() const { return server_.stopping_; }

   private:
    friend class ConnectionServer;
    Connection(ConnectionServer& server, greenrt::Stream stream) : server_(server), stream_(std::move(stream)) {}

    ConnectionServer& server_;
    greenrt::Stream stream_;
    bool busy_ = false;
    greenrt::GreenletRef greenlet_;
  };

  struct Stats {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;  // closed at once: too many connections or greenlets
    std::uint64_t failed = 0;   // ended by an error or a timeout, or could not begin
  };

  // Called in the connection's greenlet; the connection is closed when it returns. A std::exception or TimeoutExpired
  // that it throws is counted and ends the connection. A kill must pass through it.
  using Serve = std::function<void(Connection&)>;

  // `name` is static text: for greenlet names and the log.
  ConnectionServer(std::string_view name, greenrt::Listener listener, std::size_t max_connections, Serve serve);
  ConnectionServer(const ConnectionServer&) = delete;
  ConnectionServer& operator=(const ConnectionServer&) = delete;
  ~ConnectionServer();  // stops at once; may yield

  void start();

  // Yields until all have ended: idle connections are ended at once, busy ones at the deadline. Idempotent.
  void stop(greenrt::Deadline deadline);

  [[nodiscard]] greenrt::SocketAddress local_address() const { return listener_.local_address(); }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  [[nodiscard]] const Stats& stats() const { return stats_; }

 private:
  // Goes with the greenlet that serves the connection, whether that has ever run or not.
  struct Removal {
    ConnectionServer* server;
    void operator()(const Connection* connection) const;
  };
  using Place = std::unique_ptr<Connection, Removal>;

  void accept_all();
  void begin(greenrt::Stream stream);
  void run(Connection& connection);

  std::string_view name_;
  greenrt::Listener listener_;
  std::size_t max_connections_;
  Serve serve_;
  bool stopping_ = false;
  std::list<Connection> connections_;
  greenrt::GreenletRef acceptor_;
  Stats stats_;
};

}  // namespace hilera
