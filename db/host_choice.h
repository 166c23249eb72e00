// HostChoice: the one server of several that everything goes to now. Shared by all who make connections, so that no two
// servers are worked on at once.
//
// It stays on a server that works. Whoever finds that one useless leaves it, and the choice goes on to the next in
// order, wrapping round; a server that comes back draws nobody. Between the server that was worked on last and the next
// one that takes a connection there may be some that do not: those are no change.
//
// A loss is that another server process (server_process.h) answers than before: the one before may have taken commits
// into its grave. A connection that merely ends is none, nor is the return to a server that could not be reached for a
// time. Behind an address that leads to several servers each connection may be with another one; then one that ends is
// a loss if the server that answered last is not its own. With one server nothing is left.
//
// Nothing here yields. One hub's thread only.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "db/connect_options.h"
#include "db/server_process.h"
#include "greenrt/deadline.h"

namespace db {

class HostWatcher;

class HostChoice {
 public:
  // Throws std::invalid_argument when there is none.
  explicit HostChoice(std::vector<Endpoint> hosts);
  HostChoice(const HostChoice&) = delete;
  HostChoice& operator=(const HostChoice&) = delete;

  [[nodiscard]] const Endpoint& current() const { return hosts_[current_]; }
  [[nodiscard]] std::size_t size() const { return hosts_.size(); }
  [[nodiscard]] bool several() const { return hosts_.size() > 1; }

  // `host` is of no use, because of `why`. Goes on to the next, if it is the current one.
  void leave(const Endpoint& host, const std::string& why);
  // The current one has taken a connection, which is with `server`.
  void settle(const ServerProcess& server);
  // A connection with `server` ended, and nobody here had ended it.
  void note_end(const ServerProcess& server);
  // A transaction was committed at `time`, on a connection to `host`. After that was left, it is a loss, too.
  void note_commit(const Endpoint& host, greenrt::Clock::time_point time);
  // A call to `host` that began at `begin` was given up without an answer. Leaves it after the second such call in
  // which nobody could commit anything.
  void note_hang(const Endpoint& host, greenrt::Clock::time_point begin);

  // That answered last.
  [[nodiscard]] const std::optional<ServerProcess>& server() const { return server_; }

  // How often another server than before was settled on.
  [[nodiscard]] std::uint64_t changes() const { return changes_; }
  [[nodiscard]] std::uint64_t losses() const { return losses_; }

 private:
  friend class HostWatcher;

  void note_loss();

  std::vector<Endpoint> hosts_;
  std::size_t current_ = 0;
  std::optional<std::size_t> settled_;
  std::optional<ServerProcess> server_;  // that answered last
  greenrt::Clock::time_point left_at_{};
  greenrt::Clock::time_point last_commit_{};
  int hangs_ = 0;    // since then
  std::string why_;  // the settled one was left
  std::uint64_t changes_ = 0;
  std::uint64_t losses_ = 0;
  std::vector<HostWatcher*> watchers_;
};

// Is told what befalls the servers, as long as it lives. What it does then must not yield or throw, and neither begin
// nor end a watcher.
class HostWatcher {
 public:
  explicit HostWatcher(std::shared_ptr<HostChoice> hosts);
  virtual ~HostWatcher();
  HostWatcher(const HostWatcher&) = delete;
  HostWatcher& operator=(const HostWatcher&) = delete;

  virtual void on_host_left() {}
  // The current one has taken a connection of anybody's.
  virtual void on_host_answers() {}
  virtual void on_host_changed(const Endpoint& /*from*/, const Endpoint& /*to*/, const std::string& /*why*/) {}
  virtual void on_loss() {}

 protected:
  [[nodiscard]] HostChoice& hosts() const { return *hosts_; }
  [[nodiscard]] const std::shared_ptr<HostChoice>& shared_hosts() const { return hosts_; }

 private:
  std::shared_ptr<HostChoice> hosts_;
};

}  // namespace db
