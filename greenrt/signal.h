// SignalHandler: calls a function in a greenlet of its own when the process gets a signal.
//
// Does not keep the hub running. One handler a signal; the destructor gives the signal back to its default action. A
// signal that comes again before the first was looked at is seen once. Sets nothing for SIGPIPE: see ignore_sigpipe().

#pragma once

#include <ev.h>

#include <functional>

namespace greenrt {

class Hub;

class SignalHandler {
 public:
  SignalHandler(int signal, std::function<void(int signal)> function);
  ~SignalHandler();
  SignalHandler(const SignalHandler&) = delete;
  SignalHandler& operator=(const SignalHandler&) = delete;

 private:
  static void on_signal(struct ev_loop* loop, ev_signal* watcher, int events);

  Hub& hub_;
  ev_signal watcher_;
  std::function<void(int)> function_;
};

// Lets a write to a closed connection fail with EPIPE instead of ending the process.
void ignore_sigpipe();

}  // namespace greenrt
