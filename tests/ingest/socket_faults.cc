#include "tests/ingest/socket_faults.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>

namespace ingest::testing {
namespace {

SocketFault* faults = nullptr;

}  // namespace

SocketFault::SocketFault(Call call, int fd, int error, std::size_t times)
    : call_(call), fd_(fd), error_(error), left_(times), next_(faults) {
  faults = this;
}

SocketFault::~SocketFault() {
  assert(faults == this);
  faults = next_;
}

bool SocketFault::strikes(Call call, int fd) {
  for (SocketFault* fault = faults; fault; fault = fault->next_) {
    if (fault->call_ != call || fault->fd_ != fd || fault->left_ == 0) continue;
    --fault->left_;
    ++fault->hits_;
    errno = fault->error_;
    return true;
  }
  return false;
}

}  // namespace ingest::testing

using ingest::testing::SocketFault;

extern "C" int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  if (SocketFault::strikes(SocketFault::Call::kReceive, fd)) return -1;
  return static_cast<int>(::syscall(SYS_recvmmsg, fd, messages, count, flags, timeout));
}

extern "C" int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  if (SocketFault::strikes(SocketFault::Call::kSend, fd)) return -1;
  return static_cast<int>(::syscall(SYS_sendmmsg, fd, messages, count, flags));
}
