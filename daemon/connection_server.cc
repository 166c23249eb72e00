#include "daemon/connection_server.h"

#include <utility>
#include <vector>

#include "daemon/logging.h"
#include "greenrt/error.h"
#include "greenrt/hub.h"

namespace hilera {

ConnectionServer::ConnectionServer(std::string_view name, greenrt::Listener listener, std::size_t max_connections,
                                   Serve serve)
    : name_(name), listener_(std::move(listener)), max_connections_(max_connections), serve_(std::move(serve)) {}

ConnectionServer::~ConnectionServer() {
  stop(greenrt::Duration::zero());
}

void ConnectionServer::start() {
  acceptor_ = greenrt::make_greenlet([this] { accept_all(); });
  acceptor_->set_name(std::string(name_) + " acceptor");
  acceptor_->start();
}

void ConnectionServer::accept_all() {
  while (true) {
    try {
      greenrt::Stream stream = listener_.accept();
      if (connections_.size() >= max_connections_ || !greenrt::Hub::current().has_room()) {
        ++stats_.refused;
        log::write_limited(LogLevel::kWarning, "connection_refused", {{"server", name_}, {"limit", max_connections_}});
        continue;
      }
      ++stats_.accepted;
      Connection& connection = connections_.emplace_back(Connection(*this, std::move(stream)));
      connection.greenlet_ = greenrt::make_greenlet([this, &connection] { run(connection); });
      connection.greenlet_->set_name(std::string(name_) + " connection");
      connection.greenlet_->set_kind(greenrt::Hub::current().kind(connection.greenlet_->name()));
      connection.greenlet_->start();
    } catch (const greenrt::Closed&) {
      return;
    }
  }
}

void ConnectionServer::run(Connection& connection) {
  const struct Removal {
    ConnectionServer& server;
    Connection& connection;
    ~Removal() {
      server.connections_.remove_if([this](const Connection& each) { return &each == &connection; });
    }
  } removal{*this, connection};
  const auto failed = [this](std::string_view reason) {
    ++stats_.failed;
    log::write_limited(LogLevel::kDebug, "connection_failed", {{"server", name_}, {"reason", reason}});
  };
  try {
    serve_(connection);
  } catch (const greenrt::TimeoutExpired& expired) {
    failed(expired.what());
  } catch (const std::exception& error) {
    failed(error.what());
  }
}

void ConnectionServer::stop(greenrt::Deadline deadline) {
  stopping_ = true;
  listener_.close();
  if (acceptor_) acceptor_->join();
  std::vector<greenrt::GreenletRef> greenlets;
  for (Connection& connection : connections_) {
    greenlets.push_back(connection.greenlet_);
    if (!connection.busy_) connection.greenlet_->kill_soon();
  }
  if (!greenrt::join_all(greenlets, deadline)) {
    for (const auto& greenlet : greenlets)
      greenlet->kill_soon();
    greenrt::join_all(greenlets);
  }
  connections_.clear();  // those that were killed before they ran
}

}  // namespace hilera
