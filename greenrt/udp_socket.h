// UdpSocket: a bound UDP socket that receives and sends in batches and remembers which of the host's addresses a
// datagram was sent to, so that the answer leaves from there. One that is bound to a single address need not: the
// kernel then sends from no other.
//
// Owns its descriptor. One greenlet may receive and one may send at a time. A call that need not wait does not yield:
// who receives from a busy socket yields by itself.

#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "greenrt/deadline.h"
#include "greenrt/fd_watcher.h"
#include "greenrt/socket_address.h"

namespace greenrt {

// The way back to a peer: its address, and the local address that it used. A value.
struct UdpPath {
  SocketAddress peer;
  std::array<std::uint8_t, 16> local{};  // IPv4 mapped into IPv6; all zero: the socket's own, or the kernel chooses
  std::uint32_t interface = 0;           // for link-local IPv6; 0: the kernel chooses
};

struct UdpOptions {
  std::size_t receive_buffer = 0;  // bytes, 0: the system's default. The kernel may grant less: see receive_buffer()
  bool reuse_port = false;
};

// Where received datagrams lie until the next receive: a fixed number of fixed-size buffers, allocated once.
class ReceiveBatch {
 public:
  // `datagrams` is at least 1; `max_size` is the longest datagram that is received whole, in bytes.
  ReceiveBatch(std::size_t datagrams, std::size_t max_size);
  ~ReceiveBatch();
  ReceiveBatch(const ReceiveBatch&) = delete;
  ReceiveBatch& operator=(const ReceiveBatch&) = delete;

  [[nodiscard]] std::size_t size() const { return received_; }
  [[nodiscard]] std::size_t capacity() const;
  [[nodiscard]] std::span<const std::byte> bytes(std::size_t index) const;
  // Longer than max_size; bytes() has the beginning.
  [[nodiscard]] bool truncated(std::size_t index) const;
  [[nodiscard]] UdpPath path(std::size_t index) const;
  // The peer alone, without looking at control data.
  [[nodiscard]] const SocketAddress& peer(std::size_t index) const;

 private:
  friend class UdpSocket;
  struct Slots;
  std::unique_ptr<Slots> slots_;
  std::size_t received_ = 0;
};

// Datagrams to be sent together. Keeps the bytes until they are sent.
class SendBatch {
 public:
  explicit SendBatch(std::size_t capacity);
  ~SendBatch();
  SendBatch(const SendBatch&) = delete;
  SendBatch& operator=(const SendBatch&) = delete;

  [[nodiscard]] bool empty() const { return queued_ == sent_; }
  [[nodiscard]] bool full() const;
  [[nodiscard]] std::size_t size() const { return queued_ - sent_; }

  // Copies `bytes`. The batch must not be full.
  void add(std::span<const std::byte> bytes, const UdpPath& path);
  // Forgets what has not been sent.
  void clear() { queued_ = sent_ = 0; }

 private:
  friend class UdpSocket;
  struct Slots;
  std::unique_ptr<Slots> slots_;
  std::size_t queued_ = 0;
  std::size_t sent_ = 0;
};

class UdpSocket {
 public:
  // Binds to `address`, port 0 for one that the kernel chooses. Throws std::system_error.
  static UdpSocket bind(const SocketAddress& address, const UdpOptions& options = {});
  // Takes over a bound descriptor, as systemd hands it over, with what it counts. Throws std::system_error.
  static UdpSocket adopt(int fd);

  ~UdpSocket();
  UdpSocket(UdpSocket&&) noexcept;
  UdpSocket& operator=(UdpSocket&&) = delete;

  // Yields until there is at least one datagram (true) or until the deadline (false), then fills the batch with what
  // there is, without waiting for more. Errors that a peer can cause (ICMP) are passed over. Throws Closed, and
  // std::system_error when the socket itself is broken, or the kernel is short of memory.
  bool receive(ReceiveBatch& batch, Deadline deadline = Deadline::never());
  // Never yields. False when there is nothing.
  bool try_receive(ReceiveBatch& batch);

  struct SendResult {
    std::size_t sent = 0;    // handed to the kernel
    std::size_t failed = 0;  // refused by the kernel, one by one; `error` is the errno of the last
    int error = 0;
  };
  // Sends all of the batch and empties it; yields while the socket's send buffer is full, until the deadline, at which
  // the rest counts as failed. A datagram that is refused does not stop the others.
  SendResult send(SendBatch& batch, Deadline deadline = Deadline::never());

  [[nodiscard]] SocketAddress local_address() const;
  [[nodiscard]] int fd() const;

  // Datagrams that the kernel dropped because the receive buffer was full, since the socket was made. As of the last
  // datagram received.
  [[nodiscard]] std::uint64_t kernel_drops() const { return kernel_drops_; }
  // Those of them that were dropped before adopt().
  [[nodiscard]] std::uint64_t kernel_drops_before() const { return kernel_drops_before_; }
  // The kernel's figure for the receive buffer, in bytes: double what was asked for, when granted.
  [[nodiscard]] std::size_t receive_buffer() const;
  // How much of the receive buffer is taken, from 0 to 1: what has arrived and nobody has received yet. One system call,
  // some 0.2 us.
  [[nodiscard]] double receive_backlog() const;

  // Wakes who waits with Closed, and closes the descriptor.
  void close();

 private:
  explicit UdpSocket(int fd);
  void ask_for_control_data(const SocketAddress& bound);
  void note_drops(const ReceiveBatch& batch);

  int fd_;
  std::unique_ptr<FdWatcher> watcher_;
  std::uint64_t kernel_drops_ = 0;
  std::uint64_t kernel_drops_before_ = 0;
  std::uint32_t last_drop_mark_ = 0;
};

}  // namespace greenrt
