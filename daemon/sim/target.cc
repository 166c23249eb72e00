#include "daemon/sim/target.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

namespace hilera::sim {
namespace {

struct Descriptor {
  explicit Descriptor(int descriptor) : fd(descriptor) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  int fd;
};

[[noreturn]] void fail(const greenrt::SocketAddress& target) {
  throw std::system_error(errno, std::generic_category(), "there is no way to " + target.to_string());
}

}  // namespace

greenrt::SocketAddress resolve(const HostPort& target) {
  if (const auto address = greenrt::SocketAddress::parse(target.host, target.port)) return *address;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(target.host.c_str(), nullptr, &hints, &found); error != 0) {
    throw std::runtime_error(target.host + ": " + ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  greenrt::SocketAddress address;
  std::memcpy(address.raw(), found->ai_addr, found->ai_addrlen);
  address.set_port(target.port);
  return address;
}

greenrt::SocketAddress local_address_towards(const greenrt::SocketAddress& target) {
  const Descriptor probe(::socket(target.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (probe.fd < 0) fail(target);
  if (::connect(probe.fd, target.raw(), target.size()) != 0) fail(target);
  auto local = greenrt::SocketAddress::local_of(probe.fd);
  local.set_port(0);
  return local;
}

}  // namespace hilera::sim
