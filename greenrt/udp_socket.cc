#include "greenrt/udp_socket.h"

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "greenrt/error.h"

namespace greenrt {
namespace {

// Room for one IP_PKTINFO or IPV6_PKTINFO and one SO_RXQ_OVFL.
constexpr std::size_t kControlSize = CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(std::uint32_t));

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void set_option(int fd, int level, int option, int value, const char* what) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) fail(what);
}

template <typename Value>
Value control_value(const cmsghdr* header) {
  Value value;
  std::memcpy(&value, CMSG_DATA(header), sizeof value);
  return value;
}

// What the peer of an earlier answer, or the path to it, makes the kernel report on a socket that is itself sound.
bool is_peers_error(int error) {
  switch (error) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EMSGSIZE:
      return true;
    default:
      return false;
  }
}

std::array<std::uint8_t, 16> map_v4(const in_addr& address) {
  std::array<std::uint8_t, 16> mapped{};
  mapped[10] = mapped[11] = 0xff;
  std::memcpy(&mapped[12], &address, sizeof address);
  return mapped;
}

template <typename Info>
void append_control(msghdr& message, int level, int type, const Info& info) {
  message.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(header), &info, sizeof info);
}

// All zero when the kernel does not tell.
std::array<std::uint32_t, SK_MEMINFO_VARS> memory_info(int fd) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info.data(), &size) != 0) return {};
  return info;
}

}  // namespace

struct ReceiveBatch::Slots {
  Slots(std::size_t datagrams, std::size_t max_size)
      : size(max_size),
        buffers(datagrams * max_size),
        messages(datagrams),
        vectors(datagrams),
        peers(datagrams),
        controls(datagrams) {
    for (std::size_t i = 0; i < datagrams; ++i) {
      vectors[i] = {buffers.data() + i * size, size};
      msghdr& header = messages[i].msg_hdr;
      header.msg_iov = &vectors[i];
      header.msg_iovlen = 1;
      header.msg_name = peers[i].raw();
      header.msg_control = controls[i].data();
    }
  }

  void rearm() {
    for (mmsghdr& message : messages) {
      message.msg_hdr.msg_namelen = SocketAddress::capacity();
      message.msg_hdr.msg_controllen = kControlSize;
    }
  }

  std::size_t size;
  std::vector<std::byte> buffers;
  std::vector<mmsghdr> messages;
  std::vector<iovec> vectors;
  std::vector<SocketAddress> peers;
  struct alignas(cmsghdr) Control : std::array<std::byte, kControlSize> {};
  std::vector<Control> controls;
};

ReceiveBatch::ReceiveBatch(std::size_t datagrams, std::size_t max_size)
    : slots_(std::make_unique<Slots>(datagrams, max_size)) {
  if (datagrams == 0) throw std::invalid_argument("a batch holds at least one datagram");
}
ReceiveBatch::~ReceiveBatch() = default;

std::size_t ReceiveBatch::capacity() const {
  return slots_->messages.size();
}

std::span<const std::byte> ReceiveBatch::bytes(std::size_t index) const {
  return {slots_->buffers.data() + index * slots_->size, slots_->messages[index].msg_len};
}

bool ReceiveBatch::truncated(std::size_t index) const {
  return (slots_->messages[index].msg_hdr.msg_flags & MSG_TRUNC) != 0;
}

const SocketAddress& ReceiveBatch::peer(std::size_t index) const {
  return slots_->peers[index];
}

UdpPath ReceiveBatch::path(std::size_t index) const {
  UdpPath path;
  path.peer = slots_->peers[index];
  auto& header = slots_->messages[index].msg_hdr;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control; control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      path.local = map_v4(control_value<in_pktinfo>(control).ipi_spec_dst);
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      const auto info = control_value<in6_pktinfo>(control);
      std::memcpy(path.local.data(), &info.ipi6_addr, path.local.size());
      if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) path.interface = info.ipi6_ifindex;
    }
  }
  return path;
}

struct SendBatch::Slots {
  explicit Slots(std::size_t capacity)
      : messages(capacity), vectors(capacity), peers(capacity), controls(capacity), bytes(capacity) {
    for (std::size_t i = 0; i < capacity; ++i) {
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }

  std::vector<mmsghdr> messages;
  std::vector<iovec> vectors;
  std::vector<SocketAddress> peers;
  struct alignas(cmsghdr) Control : std::array<std::byte, CMSG_SPACE(sizeof(in6_pktinfo))> {};
  std::vector<Control> controls;
  std::vector<std::vector<std::byte>> bytes;
};

SendBatch::SendBatch(std::size_t capacity) : slots_(std::make_unique<Slots>(capacity)) {}
SendBatch::~SendBatch() = default;

bool SendBatch::full() const {
  return queued_ == slots_->messages.size();
}

void SendBatch::add(std::span<const std::byte> bytes, const UdpPath& path) {
  assert(!full());
  auto& copy = slots_->bytes[queued_];
  copy.assign(bytes.begin(), bytes.end());
  const std::size_t index = queued_++;
  slots_->vectors[index] = {copy.data(), copy.size()};
  slots_->peers[index] = path.peer;

  msghdr& header = slots_->messages[index].msg_hdr;
  header.msg_name = slots_->peers[index].raw();
  header.msg_namelen = path.peer.size();
  header.msg_control = nullptr;
  header.msg_controllen = 0;
  if (std::all_of(path.local.begin(), path.local.end(), [](std::uint8_t byte) { return byte == 0; })) return;
  header.msg_control = slots_->controls[index].data();
  if (path.peer.family() == AF_INET) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, &path.local[12], sizeof info.ipi_spec_dst);
    append_control(header, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, path.local.data(), path.local.size());
    info.ipi6_ifindex = path.interface;
    append_control(header, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

UdpSocket UdpSocket::bind(const SocketAddress& address, const UdpOptions& options) {
  const int fd = ::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) fail("socket");
  UdpSocket socket(fd);
  if (options.reuse_port) set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
  if (options.receive_buffer > 0) {
    const int wanted = static_cast<int>(std::min<std::size_t>(options.receive_buffer, 1u << 30));
    // Beyond net.core.rmem_max only a privileged process gets what it asks for; receive_buffer() tells.
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0) {
      set_option(fd, SOL_SOCKET, SO_RCVBUF, wanted, "SO_RCVBUF");
    }
  }
  socket.ask_for_control_data(address);
  if (::bind(fd, address.raw(), address.size()) != 0) fail("bind");
  return socket;
}

UdpSocket UdpSocket::adopt(int fd) {
  UdpSocket socket(fd);
  if (::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) fail("fcntl");
  socket.ask_for_control_data(socket.local_address());
  socket.last_drop_mark_ = memory_info(fd)[SK_MEMINFO_DROPS];
  socket.kernel_drops_ = socket.kernel_drops_before_ = socket.last_drop_mark_;
  return socket;
}

UdpSocket::UdpSocket(int fd) : fd_(fd), watcher_(std::make_unique<FdWatcher>(fd)) {}
UdpSocket::UdpSocket(UdpSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      watcher_(std::move(other.watcher_)),
      kernel_drops_(other.kernel_drops_),
      kernel_drops_before_(other.kernel_drops_before_),
      last_drop_mark_(other.last_drop_mark_) {}
UdpSocket::~UdpSocket() {
  close();
}

void UdpSocket::ask_for_control_data(const SocketAddress& bound) {
  set_option(fd_, SOL_SOCKET, SO_RXQ_OVFL, 1, "SO_RXQ_OVFL");
  if (!bound.is_unspecified()) return;
  if (bound.family() == AF_INET6) {
    set_option(fd_, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO");
  } else {
    set_option(fd_, IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO");
  }
}

bool UdpSocket::try_receive(ReceiveBatch& batch) {
  batch.received_ = 0;
  if (fd_ < 0) throw Closed("the socket is closed");
  auto& slots = *batch.slots_;
  while (true) {
    slots.rearm();
    const int count =
        ::recvmmsg(fd_, slots.messages.data(), static_cast<unsigned>(slots.messages.size()), MSG_DONTWAIT, nullptr);
    if (count > 0) {
      batch.received_ = static_cast<std::size_t>(count);
      note_drops(batch);
      return true;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
    if (errno == EINTR || is_peers_error(errno)) continue;
    fail("recvmmsg");
  }
}

bool UdpSocket::receive(ReceiveBatch& batch, Deadline deadline) {
  while (!try_receive(batch)) {
    if (!watcher_->wait_read(deadline)) return false;
  }
  return true;
}

void UdpSocket::note_drops(const ReceiveBatch& batch) {
  auto& header = batch.slots_->messages[batch.received_ - 1].msg_hdr;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control; control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SO_RXQ_OVFL) continue;
    const auto mark = control_value<std::uint32_t>(control);
    const std::uint32_t more = mark - last_drop_mark_;  // the kernel's counter wraps at 2^32
    if (static_cast<std::int32_t>(more) < 0) continue;  // what waited when the socket was adopted has an older mark
    kernel_drops_ += more;
    last_drop_mark_ = mark;
  }
}

UdpSocket::SendResult UdpSocket::send(SendBatch& batch, Deadline deadline) {
  SendResult result;
  auto& messages = batch.slots_->messages;
  while (!batch.empty()) {
    if (fd_ < 0) throw Closed("the socket is closed");
    const int count = ::sendmmsg(fd_, &messages[batch.sent_], static_cast<unsigned>(batch.size()), MSG_DONTWAIT);
    if (count > 0) {
      result.sent += static_cast<std::size_t>(count);
      batch.sent_ += static_cast<std::size_t>(count);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!deadline.expired() && watcher_->wait_write(deadline)) continue;
      result.failed += batch.size();
      result.error = EAGAIN;
      break;
    }
    result.error = errno;
    ++result.failed;
    ++batch.sent_;
  }
  batch.queued_ = batch.sent_ = 0;
  return result;
}

SocketAddress UdpSocket::local_address() const {
  return SocketAddress::local_of(fd_);
}
int UdpSocket::fd() const {
  return fd_;
}

double UdpSocket::receive_backlog() const {
  const auto memory = memory_info(fd_);
  const double room = memory[SK_MEMINFO_RCVBUF];
  return room > 0 ? std::min(1.0, memory[SK_MEMINFO_RMEM_ALLOC] / room) : 0;
}

std::size_t UdpSocket::receive_buffer() const {
  int size = 0;
  socklen_t length = sizeof size;
  if (::getsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &size, &length) != 0) fail("SO_RCVBUF");
  return static_cast<std::size_t>(size);
}

void UdpSocket::close() {
  if (fd_ < 0) return;
  watcher_->close();
  ::close(std::exchange(fd_, -1));
}

}  // namespace greenrt
