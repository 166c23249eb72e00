// FdWatcher: lets greenlets wait until a descriptor can be read or written.
//
// Persistent: the watch stays in the kernel's set between waits, so that waiting costs no system call while the
// descriptor is busy. It is dropped when an event finds nobody waiting. One greenlet may wait for reading and one for
// writing at the same time; another one throws ConcurrentUse.
//
// Does not own the descriptor, but must be closed before the descriptor is: close() wakes who waits with Closed, and so
// does the destructor. Who is woken so does not touch the watcher any more.

#pragma once

#include <ev.h>

#include <array>

#include "greenrt/deadline.h"

namespace greenrt {

class Hub;

class FdWatcher {
 public:
  explicit FdWatcher(int fd);
  ~FdWatcher();
  FdWatcher(const FdWatcher&) = delete;
  FdWatcher& operator=(const FdWatcher&) = delete;

  [[nodiscard]] int fd() const { return fd_; }

  // Yields until the descriptor is ready (true) or until the deadline (false); a wake-up may be spurious, so the caller
  // tries and waits again. Throws Closed when closed meanwhile.
  bool wait_read(Deadline deadline = Deadline::never()) { return wait(kRead, deadline); }
  bool wait_write(Deadline deadline = Deadline::never()) { return wait(kWrite, deadline); }

  // Ends both waits with Closed, and forgets the descriptor. Idempotent. Never yields.
  void close();
  [[nodiscard]] bool closed() const { return fd_ < 0; }

 private:
  enum Direction { kRead, kWrite };
  struct Wait;  // one greenlet's wait, on its stack
  struct Side {
    ev_io io;
    Wait* wait = nullptr;
  };

  bool wait(Direction direction, Deadline deadline);
  void start(Side& side);
  void stop(Side& side);
  static void on_event(struct ev_loop* loop, ev_io* io, int events);

  Hub& hub_;
  int fd_;
  std::array<Side, 2> sides_;
};

}  // namespace greenrt
