// HandedSockets: the datagram sockets that systemd holds for the listeners and hands over at the start, by the protocol
// of sd_listen_fds(3). They outlive the daemon: what arrives during a restart waits in them for the successor.
//
// A socket goes to the listener whose name is its name (FileDescriptorName=), or else to the one whose address it is
// bound to; either way the address must be the one in the configuration. A socket that fits no listener is closed, and
// keeps no other one from being read; a listener without a socket binds one of its own. Owns the descriptors, all of
// them close-on-exec, until they are taken. Nothing here yields.

#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config.h"
#include "greenrt/udp_socket.h"

namespace hilera {

// What was handed over are not the sockets that systemd makes of ListenDatagram=. Who catches it in a main() exits with
// kExitConfig: starting again would change nothing.
class HandedSocketError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

class HandedSockets {
 public:
  // Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES. Throws HandedSocketError when they are there and wrong.
  static HandedSockets from_environment();

  HandedSockets() = default;
  // `names`: of the descriptors from `first` on, one each; empty where one has none. Throws HandedSocketError for what
  // is not a bound UDP socket.
  HandedSockets(int first, const std::vector<std::string>& names);
  HandedSockets(HandedSockets&& other) noexcept;
  HandedSockets& operator=(HandedSockets&&) = delete;
  ~HandedSockets();

  // Finds the listener of each, and closes those that have none.
  void assign(const std::vector<ListenerConfig>& listeners);

  // Those that assign() has closed: which, and why, for people.
  [[nodiscard]] const std::vector<std::string>& misfits() const { return misfits_; }

  // After assign(): the socket of this listener, once; none when it has to bind its own. Throws std::system_error.
  std::optional<greenrt::UdpSocket> take(std::string_view listener);

 private:
  struct Socket {
    int fd;
    std::string name;
    greenrt::SocketAddress address;
    std::string listener;  // empty: not assigned

    [[nodiscard]] std::string describe() const;
  };

  // Throws what is wrong with the socket, as std::runtime_error.
  [[nodiscard]] std::string find_listener(const Socket& socket, const std::vector<ListenerConfig>& listeners) const;
  void close_all();

  std::vector<Socket> sockets_;
  std::vector<std::string> misfits_;
};

}  // namespace hilera
