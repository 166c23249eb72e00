// PoolState: what a ConnectionPool is made of. Shared by the pool, its leases and its keepers, whoever lives longest.
//
// Keepers are the greenlets that connect: made with the pool, so that a hub that is full of frames can still reach the
// database; asleep while nobody waits for a connection. Internal to db/.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "db/dialer.h"
#include "db/host_choice.h"
#include "db/pool.h"
#include "greenrt/deadline.h"
#include "greenrt/greenlet.h"
#include "greenrt/wait_list.h"

namespace db::detail {

class PoolState : private HostWatcher {
 public:
  explicit PoolState(PoolOptions options);

  // Throws TooManyGreenlets.
  static void start_keepers(const std::shared_ptr<PoolState>& state);

  std::unique_ptr<Connection> acquire(greenrt::Deadline deadline);
  void give_back(std::unique_ptr<Connection> connection);
  void resize(std::size_t connections);
  void close();

  [[nodiscard]] PoolStats stats() const;
  [[nodiscard]] greenrt::Duration query_timeout() const { return options_.connect.query_timeout; }
  [[nodiscard]] const std::shared_ptr<HostChoice>& hosts() const { return dialer_.hosts(); }
  [[nodiscard]] const std::string& last_error() const { return last_error_; }

 private:
  struct Waiter : greenrt::WaitList::Waiter {
    std::unique_ptr<Connection> connection;
  };

  PoolState(PoolOptions options, std::shared_ptr<HostChoice> hosts);

  void on_host_left() override;
  void on_host_answers() override;

  void keep();
  void connect_one();
  void note_failure(const std::exception& failure);
  std::unique_ptr<Connection> lend(std::unique_ptr<Connection> connection);
  // What a connection that is not lent again tells of its server.
  void retire(const Connection& connection);
  [[nodiscard]] std::size_t total() const { return idle_.size() + leased_.size() + connecting_; }
  [[nodiscard]] bool may_connect() const;
  [[nodiscard]] bool reusable(const Connection& connection) const;
  std::unique_ptr<Connection> take_idle();
  void offer(std::unique_ptr<Connection> connection);
  std::string timeout_message() const;

  PoolOptions options_;
  Dialer dialer_;
  std::deque<std::unique_ptr<Connection>> idle_;  // the one that came back first in front
  std::set<Connection*> leased_;
  std::size_t connecting_ = 0;  // keepers at work, those that wait for the end of a back-off included
  greenrt::WaitList waiters_;
  std::vector<greenrt::GreenletRef> keepers_;
  greenrt::WaitList asleep_;       // keepers
  greenrt::WaitList backing_off_;  // keepers
  bool closed_ = false;

  std::uint32_t failures_ = 0;  // in a row
  greenrt::Deadline retry_at_ = greenrt::Deadline::at({});
  std::minstd_rand random_{std::random_device()()};
  std::string last_error_;
  PoolStats totals_;  // the counters; the gauges are computed
};

}  // namespace db::detail
