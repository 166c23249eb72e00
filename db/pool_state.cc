#include "db/pool_state.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "greenrt/hub.h"

namespace db::detail {
namespace {

constexpr std::uint32_t kMaxDoublings = 20;

}  // namespace

PoolState::PoolState(PoolOptions options)
    : PoolState(options, options.hosts ? options.hosts : std::make_shared<HostChoice>(options.connect.endpoints)) {}

PoolState::PoolState(PoolOptions options, std::shared_ptr<HostChoice> hosts)
    : HostWatcher(hosts),
      options_(std::move(options)),
      dialer_(
          [this] {
            ConnectOptions connect = options_.connect;
            connect.on_error = [this, next = std::move(connect.on_error)](const Error& error) {
              totals_.errors.count(error.error_class());
              if (next) next(error);
            };
            return connect;
          }(),
          options_.concurrent_connects, std::move(hosts)) {}

void PoolState::start_keepers(const std::shared_ptr<PoolState>& state) {
  for (std::size_t i = 0; i < std::max<std::size_t>(state->options_.concurrent_connects, 1); ++i) {
    auto keeper = greenrt::spawn([state] { state->keep(); });
    keeper->set_name("db keeper " + std::to_string(i + 1));
    keeper->set_kind(greenrt::Hub::current().kind("db keeper"));
    state->keepers_.push_back(std::move(keeper));
  }
}

std::unique_ptr<Connection> PoolState::acquire(greenrt::Deadline deadline) {
  if (closed_) throw PoolClosed();
  if (waiters_.empty()) {
    if (auto connection = take_idle()) return lend(std::move(connection));
  }
  asleep_.wake_one();
  Waiter waiter;
  try {
    if (!waiters_.wait(waiter, "database connection", deadline)) throw PoolTimeout(timeout_message());
  } catch (...) {
    if (waiter.connection) give_back(std::move(waiter.connection));
    throw;
  }
  if (!waiter.connection) throw PoolClosed();
  return std::move(waiter.connection);
}

std::string PoolState::timeout_message() const {
  std::string message = "no database connection became free in time";
  if (!last_error_.empty()) message += "; " + last_error_;
  return message;
}

std::unique_ptr<Connection> PoolState::lend(std::unique_ptr<Connection> connection) {
  leased_.insert(connection.get());
  return connection;
}

void PoolState::give_back(std::unique_ptr<Connection> connection) {
  leased_.erase(connection.get());
  if (connection->last_commit() != greenrt::Clock::time_point()) {
    hosts()->note_commit(connection->endpoint(), connection->last_commit());
  }
  if (reusable(*connection) && !closed_ && total() < options_.connections) {
    offer(std::move(connection));
    return;
  }
  if (!closed_) retire(*connection);
  asleep_.wake_one();
}

void PoolState::retire(const Connection& connection) {
  ++totals_.discarded;
  if (!connection.host_trouble().empty()) hosts()->leave(connection.endpoint(), connection.host_trouble());
  if (connection.hung()) hosts()->note_hang(connection.endpoint(), greenrt::Clock::now() - query_timeout());
  if (connection.lost()) hosts()->note_end(connection.server());
}

// Whoever waits for an answer of the server that was left has to come back for a connection to the next one.
void PoolState::on_host_left() {
  totals_.discarded += idle_.size();
  idle_.clear();
  for (Connection* connection : leased_)
    connection->discard();
}

void PoolState::on_host_answers() {
  failures_ = 0;
  retry_at_ = greenrt::Deadline::at({});
  backing_off_.wake_all();
}

bool PoolState::reusable(const Connection& connection) const {
  if (connection.broken() || connection.in_transaction()) return false;
  if (hosts()->several() && !(connection.host_trouble().empty() && connection.endpoint() == hosts()->current())) {
    return false;
  }
  return options_.max_age <= greenrt::Duration::zero() ||
         greenrt::Clock::now() - connection.connected_at() < options_.max_age;
}

std::unique_ptr<Connection> PoolState::take_idle() {
  while (!idle_.empty()) {
    auto connection = std::move(idle_.front());
    idle_.pop_front();
    if (reusable(*connection) && connection->usable()) return connection;
    retire(*connection);
  }
  return nullptr;
}

void PoolState::offer(std::unique_ptr<Connection> connection) {
  if (waiters_.empty()) {
    idle_.push_back(std::move(connection));
    return;
  }
  static_cast<Waiter&>(waiters_.front()).connection = lend(std::move(connection));
  waiters_.wake_one();
}

void PoolState::resize(std::size_t connections) {
  options_.connections = connections;
  for (; total() > connections && !idle_.empty(); ++totals_.discarded)
    idle_.pop_front();
  asleep_.wake_all();
}

void PoolState::close() {
  if (std::exchange(closed_, true)) return;
  idle_.clear();
  waiters_.wake_all();
  for (const auto& keeper : std::exchange(keepers_, {}))
    keeper->kill_soon();
}

// While the database is away, one keeper asks for all.
bool PoolState::may_connect() const {
  return waiters_.size() > connecting_ && total() < options_.connections && (failures_ == 0 || connecting_ == 0);
}

void PoolState::keep() {
  while (!closed_) {
    while (!may_connect()) {
      greenrt::WaitList::Waiter waiter;
      asleep_.wait(waiter, "demand for connections", greenrt::Deadline::never());
    }
    connect_one();
  }
}

void PoolState::connect_one() {
  ++connecting_;
  const struct Leave {
    PoolState& state;
    ~Leave() {
      --state.connecting_;
      state.asleep_.wake_one();
    }
  } leave{*this};

  if (!retry_at_.expired()) {
    greenrt::WaitList::Waiter waiter;
    backing_off_.wait(waiter, "the end of a back-off", retry_at_);
  }
  if (waiters_.empty()) return;
  std::unique_ptr<Connection> connection;
  try {
    connection = dialer_.connect();
  } catch (const std::exception& failure) {
    note_failure(failure);
    return;
  }
  ++totals_.connects;
  last_error_.clear();
  if (!closed_) offer(std::move(connection));
}

void PoolState::note_failure(const std::exception& failure) {
  const auto* error = dynamic_cast<const Error*>(&failure);
  const bool without_any = idle_.empty() && leased_.empty();
  if (error && error->is_crowded_host() && without_any) hosts()->leave(hosts()->current(), failure.what());
  ++totals_.connect_failures;
  last_error_ = failure.what();
  auto pause = options_.back_off_min;
  for (std::uint32_t i = 0; i < std::min(failures_, kMaxDoublings) && pause < options_.back_off_max; ++i)
    pause *= 2;
  pause = std::min(pause, options_.back_off_max);
  ++failures_;
  retry_at_ = greenrt::Duration(
      std::uniform_int_distribution<greenrt::Duration::rep>(pause.count() / 2, pause.count())(random_));
}

PoolStats PoolState::stats() const {
  PoolStats stats = totals_;
  stats.idle = idle_.size();
  stats.leased = leased_.size();
  stats.connecting = connecting_;
  stats.waiting = waiters_.size();
  return stats;
}

}  // namespace db::detail
