// ThreadPool: native threads for calls that block (name resolution, TLS handshakes, files), for greenlets that wait.
//
// Bounded in threads; greenlets that ask for more wait their turn, in order. When the greenlet of a call is killed, or
// its deadline passes, a call that has not started is withdrawn. One that has started cannot be stopped: it goes on
// with nobody waiting, and its result is dropped when it comes. So the callable must own all that it touches. Made and
// used by one hub's thread. The destructor blocks that thread until the calls under way have returned, but no longer
// than the pool's patience; then it leaves them to themselves. Whoever waits for a call that has not returned gets
// Closed.

#pragma once

#include <ev.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "greenrt/deadline.h"
#include "greenrt/error.h"
#include "greenrt/event.h"

namespace greenrt {

class Hub;

class ThreadPool {
 public:
  explicit ThreadPool(std::size_t threads, Duration patience = Duration::max());
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Calls callable() on a thread of the pool and yields until it has returned: gives its result or throws its
  // exception. Throws TimeoutExpired at the deadline, and std::system_error when the system gives no thread at all. The
  // callable is destroyed on the thread that ran it.
  template <typename Callable>
  auto run(Callable&& callable, Deadline deadline = Deadline::never())
      -> std::invoke_result_t<std::decay_t<Callable>&> {
    using Result = std::invoke_result_t<std::decay_t<Callable>&>;
    auto call = std::make_shared<Call<Result, std::decay_t<Callable>>>(std::forward<Callable>(callable));
    submit(call);
    try {
      if (!call->done.wait(deadline)) throw TimeoutExpired();
    } catch (...) {
      if (!call->done.is_set()) withdraw(*call);  // otherwise there may be no pool any more
      throw;
    }
    if (call->refused) throw Closed("the thread pool was closed");
    if (call->exception) std::rethrow_exception(call->exception);
    if constexpr (!std::is_void_v<Result>) return std::move(*call->result);
  }

  // Calls that run or wait for a thread, those that nobody waits for any more included.
  [[nodiscard]] std::size_t outstanding() const { return outstanding_; }

 private:
  struct Job {
    virtual ~Job() = default;
    virtual void execute() noexcept = 0;
    std::exception_ptr exception;
    Event done;            // touched by the hub's thread only
    bool refused = false;  // by the hub's thread only: the pool has gone before the call returned
  };

  template <typename Result, typename Callable>
  struct Call final : Job {
    explicit Call(Callable&& its_callable) : callable(std::move(its_callable)) {}
    explicit Call(const Callable& its_callable) : callable(its_callable) {}
    void execute() noexcept override {
      try {
        if constexpr (std::is_void_v<Result>) {
          (*callable)();
        } else {
          result.emplace((*callable)());
        }
      } catch (...) {
        this->exception = std::current_exception();
      }
      callable.reset();
    }
    std::optional<Callable> callable;
    std::optional<std::conditional_t<std::is_void_v<Result>, char, Result>> result;
  };

  // What the threads touch: it lives as long as the last of them.
  struct Shared {
    std::mutex mutex;
    std::condition_variable available;
    std::condition_variable returned;
    std::deque<std::shared_ptr<Job>> waiting;
    std::vector<std::shared_ptr<Job>> running;
    std::vector<std::shared_ptr<Job>> results;
    std::size_t idle = 0;
    struct ev_loop* loop = nullptr;  // nullptr once the pool is closed
    ev_async finished;

    void work();
  };

  void submit(std::shared_ptr<Job> job);
  void withdraw(const Job& job);
  void settle(Job& job);
  void add_thread();
  void deliver();
  static void on_finished(struct ev_loop* loop, ev_async* async, int events);

  Hub& hub_;
  std::size_t limit_;
  Duration patience_;
  std::size_t outstanding_ = 0;
  std::shared_ptr<Shared> shared_;
  std::vector<std::thread> threads_;
};

}  // namespace greenrt
