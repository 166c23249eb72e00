// Pool: a group with a limit. Whoever wants to start one more waits, in order of asking, until a member has ended.
//
//   Pool pool(10);
//   for (const Url& url : urls) pool.spawn(fetch, url);   // never more than ten at once
//   pool.join();

#pragma once

#include <cstddef>
#include <stdexcept>
#include <utility>

#include "greenrt/deadline.h"
#include "greenrt/greenlet.h"
#include "greenrt/group.h"
#include "greenrt/semaphore.h"

namespace greenrt {

class Pool final : public Group {
 public:
  // `limit` is at least 1.
  explicit Pool(std::size_t limit) : limit_(limit), places_(limit) {
    if (limit == 0) throw std::invalid_argument("a pool has room for at least one greenlet");
  }

  [[nodiscard]] std::size_t limit() const { return limit_; }
  [[nodiscard]] std::size_t free_count() const { return places_.permits(); }
  [[nodiscard]] bool full() const { return free_count() == 0; }

  // Yields until there is room (true), or until the deadline (false). Somebody else may take the place meanwhile.
  bool wait_available(Deadline deadline = Deadline::never()) {
    if (!places_.acquire(deadline)) return false;
    places_.release();
    return true;
  }

  // As spawn(), but nullptr when there is no room. Never yields.
  template <typename Callable, typename... Args>
  auto try_spawn(Callable&& callable, Args&&... args) {
    using Result = decltype(spawn(std::forward<Callable>(callable), std::forward<Args>(args)...));
    if (full()) return Result();
    return spawn(std::forward<Callable>(callable), std::forward<Args>(args)...);
  }

 private:
  void take_place() override { places_.acquire(); }
  void leave_place() noexcept override { places_.release(); }

  std::size_t limit_;
  Semaphore places_;
};

}  // namespace greenrt
