// Waiting for many greenlets: one by one as they end, for some of them, or for all their values.
//
//   for (const auto& each : iwait(fetchers)) use(each->value());   // in the order in which they ended
//
// Those that have ended before come first, in the order in which they were given.

#pragma once

#include <cstddef>
#include <iterator>
#include <type_traits>
#include <utility>
#include <vector>

#include "greenrt/deadline.h"
#include "greenrt/greenlet.h"
#include "greenrt/wait_set.h"

namespace greenrt {

// What iwait() returns. Ends when all have been given, and at the deadline. Leaving the loop early is fine.
template <typename G>
class Completions {
 public:
  Completions(std::vector<Ref<G>> greenlets, Deadline deadline)
      : greenlets_(std::move(greenlets)), deadline_(deadline) {
    for (const Ref<G>& each : greenlets_)
      set_.add(*each);
  }

  // Yields until the next one has ended; nullptr after the last one and at the deadline.
  Ref<G> next() {
    const auto number = set_.next(deadline_);
    return number ? greenlets_[*number] : nullptr;
  }

  [[nodiscard]] std::size_t remaining() const { return set_.remaining(); }

  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = Ref<G>;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(Completions& completions) : completions_(&completions), current_(completions.next()) {}
    const Ref<G>& operator*() const { return current_; }
    Iterator& operator++() {
      current_ = completions_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t) { return !iterator.current_; }

   private:
    Completions* completions_;
    Ref<G> current_;
  };
  Iterator begin() { return Iterator(*this); }
  std::default_sentinel_t end() { return std::default_sentinel; }

 private:
  std::vector<Ref<G>> greenlets_;
  Deadline deadline_;
  WaitSet set_;
};

template <typename G>
Completions<G> iwait(std::vector<Ref<G>> greenlets, Deadline deadline = Deadline::never()) {
  return Completions<G>(std::move(greenlets), deadline);
}

// Yields until `count` of them have ended, or until the deadline: those that have, in the order in which they ended.
template <typename G>
std::vector<Ref<G>> wait_some(const std::vector<Ref<G>>& greenlets, std::size_t count,
                              Deadline deadline = Deadline::never()) {
  std::vector<Ref<G>> ended;
  Completions<G> completions(greenlets, deadline);
  while (ended.size() < count) {
    Ref<G> next = completions.next();
    if (!next) break;
    ended.push_back(std::move(next));
  }
  return ended;
}

// Yields until all have ended, and returns their values in the order given. Throws at once what the first one to fail
// failed with; the others run on. Throws the GreenletExit of one that was killed, and TimeoutExpired at the deadline.
template <typename T>
auto get_all(const std::vector<Ref<GreenletOf<T>>>& greenlets, Deadline deadline = Deadline::never()) {
  Completions<GreenletOf<T>> completions(greenlets, deadline);
  while (completions.remaining() > 0) {
    const Ref<GreenletOf<T>> next = completions.next();
    if (!next) throw TimeoutExpired();
    next->get();
  }
  if constexpr (!std::is_void_v<T>) {
    std::vector<T> values;
    values.reserve(greenlets.size());
    for (const auto& each : greenlets)
      values.push_back(each->value());
    return values;
  }
}

}  // namespace greenrt
