// Dialer: makes connections. Everything in it that blocks runs on threads, never on the hub.
//
// Name resolution has two threads of its own: a name server that never answers can hold both, and then the last address
// that worked is used (or the attempt fails at once, if there is none); it never holds up those who connect by address.
// Connecting, TLS handshake and login run on `threads` others, each attempt bounded by connect_timeout. An attempt
// whose greenlet was killed goes on by itself, and closes what it made.
//
// Of several servers it tries the current one of a HostChoice, which it moves on from one that fails; all that share
// the choice get connections to the same server.
//
// With TLS and verification of a server that is given by name, Connector/C must see the name, and looks it up once more
// itself: there the last good address is of no help.
//
// The destructor blocks for at most a second, for the attempts under way; what takes longer ends by itself, unheard.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "db/connect_options.h"
#include "db/connection.h"
#include "db/host_choice.h"
#include "greenrt/deadline.h"
#include "greenrt/thread_pool.h"

namespace db {

class Dialer {
 public:
  // Without `hosts`, the choice is its own, of options.endpoints. Throws std::invalid_argument when there is none.
  explicit Dialer(ConnectOptions options, std::size_t threads = 2, std::shared_ptr<HostChoice> hosts = nullptr);

  // Yields until the current server, or one that it goes on to, gives a session; throws the last db::Error when none
  // does. A server that has too many connections works, and is not left. Killed: passes it on.
  std::unique_ptr<Connection> connect(greenrt::Deadline deadline = greenrt::Deadline::never());

  [[nodiscard]] const ConnectOptions& options() const { return *options_; }
  [[nodiscard]] const std::shared_ptr<HostChoice>& hosts() const { return hosts_; }

 private:
  std::unique_ptr<Connection> connect_to(const Endpoint& endpoint, greenrt::Deadline deadline);
  std::vector<std::string> addresses_of(const Endpoint& endpoint, greenrt::Deadline deadline);
  std::vector<std::string> last_good_address(const std::string& host, const std::string& trouble) const;

  std::shared_ptr<const ConnectOptions> options_;
  std::shared_ptr<HostChoice> hosts_;
  std::unordered_map<std::string, std::vector<std::string>> known_addresses_;
  greenrt::ThreadPool resolvers_;
  greenrt::ThreadPool connectors_;
};

// With getaddrinfo. Blocks. Throws db::Error (class kReconnect).
std::vector<std::string> resolve_by_system(const std::string& host);

}  // namespace db
