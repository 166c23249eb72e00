// ConnectionPool: a bounded number of connections, lent out first come, first served.
//
//   db::Lease connection = pool.acquire(2s);
//   connection->execute("...");
//
// A connection is made when somebody waits for one and there is room, by a greenlet of the pool, so that a waiter who
// leaves does not spoil the attempt for the others. While the database is away one attempt is made at a time, after a
// jittered back-off that doubles from 100 ms to 30 s, or as soon as somebody else has got a connection; waiters wait
// until their deadlines. A connection that comes back broken, within a transaction, or too old is closed, and replaced
// when it is needed; an idle one that the server has closed meanwhile is found out before it is lent.
//
// All connections are to the current server of a HostChoice. When that is left, the idle ones are closed at once and
// those on loan are broken; a server is left when it cannot be connected to, says on one of the connections that it
// cannot store anything, or lets calls wait in which nothing can be committed.
//
// Leases may outlive close() and the pool itself. One hub's thread only.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "db/connect_options.h"
#include "db/connection.h"
#include "db/error.h"
#include "db/host_choice.h"
#include "greenrt/deadline.h"

namespace db {

struct PoolOptions {
  ConnectOptions connect;
  std::shared_ptr<HostChoice> hosts;    // none: one of its own, of connect.endpoints
  std::size_t connections = 8;          // at most
  std::size_t concurrent_connects = 2;  // at most
  greenrt::Duration back_off_min = std::chrono::milliseconds(100);
  greenrt::Duration back_off_max = std::chrono::seconds(30);
  greenrt::Duration max_age = greenrt::Duration::zero();  // of a connection; zero: no limit
};

struct PoolStats {
  std::size_t idle = 0;
  std::size_t leased = 0;
  std::size_t connecting = 0;
  std::size_t waiting = 0;  // greenlets in acquire()
  std::uint64_t connects = 0;
  std::uint64_t connect_failures = 0;
  // Closed because they were broken, stale, too old, too many, or to a server that was left.
  std::uint64_t discarded = 0;
  ErrorCounts errors;  // failed connects included
};

namespace detail {
class PoolState;
}

// A connection on loan. Goes back when the Lease is destroyed, which never yields.
class Lease {
 public:
  Lease() = default;
  ~Lease() { release(); }
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;

  [[nodiscard]] Connection& operator*() const { return *connection_; }
  [[nodiscard]] Connection* operator->() const { return connection_.get(); }
  explicit operator bool() const { return connection_ != nullptr; }

  // Gives the connection back early. Idempotent.
  void release();

 private:
  friend class ConnectionPool;
  Lease(std::shared_ptr<detail::PoolState> pool, std::unique_ptr<Connection> connection);

  std::shared_ptr<detail::PoolState> pool_;
  std::unique_ptr<Connection> connection_;
};

class ConnectionPool {
 public:
  // Connects nothing yet.
  explicit ConnectionPool(PoolOptions options);
  // Closes.
  ~ConnectionPool();
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // Yields until it is this greenlet's turn and a connection is there. Throws PoolTimeout at the deadline, PoolClosed.
  Lease acquire(greenrt::Deadline deadline = greenrt::Deadline::never());

  // How many connections there are at most from now on. Idle ones beyond that are closed at once, those on loan when
  // they come back. Never yields.
  void resize(std::size_t connections);

  // Waiters and later calls get PoolClosed; idle connections are closed now, leased ones when they come back. Never
  // yields. Idempotent.
  void close();

  [[nodiscard]] PoolStats stats() const;

  // How long a call on one of its connections can take: ConnectOptions::query_timeout.
  [[nodiscard]] greenrt::Duration query_timeout() const;

  [[nodiscard]] const std::shared_ptr<HostChoice>& hosts() const;

  // Why the last attempt to connect failed; empty after one that succeeded.
  [[nodiscard]] const std::string& last_error() const;

 private:
  std::shared_ptr<detail::PoolState> state_;
};

}  // namespace db
