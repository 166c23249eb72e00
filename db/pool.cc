#include "db/pool.h"

#include <utility>

#include "db/pool_state.h"

namespace db {

Lease::Lease(std::shared_ptr<detail::PoolState> pool, std::unique_ptr<Connection> connection)
    : pool_(std::move(pool)), connection_(std::move(connection)) {}

Lease::Lease(Lease&& other) noexcept = default;

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    release();
    pool_ = std::move(other.pool_);
    connection_ = std::move(other.connection_);
  }
  return *this;
}

void Lease::release() {
  if (connection_) pool_->give_back(std::move(connection_));
  pool_.reset();
}

ConnectionPool::ConnectionPool(PoolOptions options) : state_(std::make_shared<detail::PoolState>(std::move(options))) {
  detail::PoolState::start_keepers(state_);
}

ConnectionPool::~ConnectionPool() {
  close();
}

Lease ConnectionPool::acquire(greenrt::Deadline deadline) {
  return {state_, state_->acquire(deadline)};
}

void ConnectionPool::resize(std::size_t connections) {
  state_->resize(connections);
}

void ConnectionPool::close() {
  state_->close();
}

PoolStats ConnectionPool::stats() const {
  return state_->stats();
}

greenrt::Duration ConnectionPool::query_timeout() const {
  return state_->query_timeout();
}

const std::shared_ptr<HostChoice>& ConnectionPool::hosts() const {
  return state_->hosts();
}

const std::string& ConnectionPool::last_error() const {
  return state_->last_error();
}

}  // namespace db
