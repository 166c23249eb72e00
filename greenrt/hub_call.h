// HubCall: how another thread calls a function on the hub's thread.
//
//   HubCall call([this] { take_results(); });    // on the hub
//   call.make();                                 // anywhere, any number of times
//
// The callback runs on the hub, not in a greenlet: it must not wait; what it throws goes to the hub's error handler.
// Calls that are made before it has run become one.
// By itself a HubCall does not keep the hub from finding that nothing can ever happen (LoopExit): expect() says that
// a call will come. Made and destroyed on the hub's thread; no thread may be in make() when it is destroyed.

#pragma once

#include <ev.h>

#include <functional>

namespace greenrt {

class HubCall {
 public:
  explicit HubCall(std::function<void()> callback);
  ~HubCall();
  HubCall(const HubCall&) = delete;
  HubCall& operator=(const HubCall&) = delete;

  // From any thread. Never blocks.
  void make();

  // On the hub, in pairs: between them the hub has something to wait for.
  void expect();
  void expect_no_more();

 private:
  static void on_call(struct ev_loop* loop, ev_async* async, int events);

  struct ev_loop* loop_;
  std::function<void()> callback_;
  ev_async async_;
};

}  // namespace greenrt
