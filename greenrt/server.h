// StreamServer and DatagramServer: a greenlet for each client, or for each datagram, never more than a limit. For small
// services; who must take in hundreds of thousands of datagrams a second works with UdpSocket and batches.
//
//   StreamServer server(Listener::bind_tcp(address), [](Stream& client) { ... });
//   server.start();
//   ...
//   server.stop(5s);
//
// What a handler throws ends its client only, and goes to the hub's error handler. While as many are served as the
// limit allows, or the hub has no room, nobody else is taken on: connections and datagrams wait in the kernel, as far
// as it has room. A server that is destroyed while it runs is stopped at once.

#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "greenrt/deadline.h"
#include "greenrt/greenlet.h"
#include "greenrt/pool.h"
#include "greenrt/semaphore.h"
#include "greenrt/socket_address.h"
#include "greenrt/stream.h"
#include "greenrt/udp_socket.h"

namespace greenrt {

// What both have in common: one greenlet that takes in, and a pool of those that serve.
class Server {
 public:
  static constexpr std::size_t kDefaultLimit = 1000;

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Begins to take in clients. Once only: a later call does nothing.
  void start();
  // Starts, and yields until the server is stopped. Throws what the server itself failed with (a broken socket).
  void serve_forever();
  // Takes in nobody any more, yields until all that are served have ended or the deadline passes, and kills those that
  // are left. True when there were none. Idempotent. Throws std::logic_error in a handler.
  bool stop(Deadline deadline = std::chrono::seconds(1));

  [[nodiscard]] bool started() const { return intake_ && intake_->started(); }
  [[nodiscard]] std::size_t serving() const { return handlers_.size(); }

 protected:
  explicit Server(std::size_t limit) : handlers_(limit) {}
  virtual ~Server() = default;

  // Takes in clients until the socket is closed, which it tells by Closed.
  virtual void take_in() = 0;
  virtual void close_socket() = 0;

  // Yields until one more can be served.
  void wait_for_place();
  Pool& handlers() { return handlers_; }

 private:
  Pool handlers_;
  Ref<GreenletOf<void>> intake_;
};

class StreamServer final : public Server {
 public:
  using Handler = std::function<void(Stream& client)>;

  // `limit` is the number of clients served at a time.
  StreamServer(Listener listener, Handler handler, std::size_t limit = kDefaultLimit);
  ~StreamServer() override;

  [[nodiscard]] SocketAddress address() const { return address_; }

 private:
  void take_in() override;
  void close_socket() override { listener_.close(); }

  Listener listener_;
  SocketAddress address_;
  Handler handler_;
};

class DatagramServer final : public Server {
 public:
  struct Datagram {
    std::vector<std::byte> bytes;
    UdpPath path;
  };
  using Handler = std::function<void(DatagramServer& server, const Datagram& datagram)>;

  // `limit` is the number of datagrams worked on at a time.
  DatagramServer(UdpSocket socket, Handler handler, std::size_t limit = kDefaultLimit);
  ~DatagramServer() override;

  // Sends back to where a datagram came from. Yields while others send, or the socket is full. False when the kernel
  // refuses it.
  bool send(std::span<const std::byte> bytes, const UdpPath& path);

  [[nodiscard]] SocketAddress address() const { return address_; }

 private:
  void take_in() override;
  void close_socket() override { socket_.close(); }

  UdpSocket socket_;
  SocketAddress address_;
  Handler handler_;
  ReceiveBatch received_;
  Semaphore sending_;
  SendBatch to_send_;
};

}  // namespace greenrt
