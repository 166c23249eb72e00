#include "daemon/connection_server.h"

#include <new>
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
      begin(std::move(stream));
    } catch (const greenrt::Closed&) {
      return;
    } catch (const std::bad_alloc& error) {
      ++stats_.failed;
      log::write_limited(LogLevel::kError, "connection_failed", {{"server", name_}, {"reason", error.what()}});
      greenrt::yield();
    }
  }
}

void ConnectionServer::begin(greenrt::Stream stream) {
  Connection& connection = connections_.emplace_back(Connection(*this, std::move(stream)));
  auto greenlet = greenrt::make_greenlet([this, place = Place(&connection, Removal{this})] { run(*place); });
  greenlet->set_name(std::string(name_) + " connection");
  greenlet->set_kind(greenrt::Hub::current().kind(greenlet->name()));
  greenlet->start();
  connection.greenlet_ = std::move(greenlet);
}

void ConnectionServer::Removal::operator()(const Connection* connection) const {
  server->connections_.remove_if([connection](const Connection& each) { return &each == connection; });
}

void ConnectionServer::run(Connection& connection) {
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
  std::vector<greenrt::GreenletRef> idle;
  for (const Connection& connection : connections_) {
    greenlets.push_back(connection.greenlet_);
    if (!connection.busy_) idle.push_back(connection.greenlet_);
  }
  for (const auto& greenlet : idle)
    greenlet->kill_soon();
  if (!greenrt::join_all(greenlets, deadline)) {
    for (const auto& greenlet : greenlets)
      greenlet->kill_soon();
    greenrt::join_all(greenlets);
  }
}

}  // namespace hilera
