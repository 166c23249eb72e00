// Faults of the socket calls: this binary's own recvmmsg and sendmmsg stand before those of libc, and fail on demand.
// Each fault is for one descriptor, and goes with the object.

#pragma once

#include <cstddef>

namespace ingest::testing {

class SocketFault {
 public:
  enum class Call { kReceive, kSend };

  // The next `times` calls fail with `error`.
  SocketFault(Call call, int fd, int error, std::size_t times);
  ~SocketFault();
  SocketFault(const SocketFault&) = delete;
  SocketFault& operator=(const SocketFault&) = delete;

  // How many calls have failed so far.
  [[nodiscard]] std::size_t hits() const { return hits_; }

  // For the calls themselves: sets errno and says true when this call is to fail.
  static bool strikes(Call call, int fd);

 private:
  Call call_;
  int fd_;
  int error_;
  std::size_t left_;
  std::size_t hits_ = 0;
  SocketFault* next_;
};

}  // namespace ingest::testing
