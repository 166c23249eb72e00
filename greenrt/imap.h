// Imap: the results of a function over many items, one at a time, while others are worked on. Made by Group::imap (in
// the order of the items) and Group::imap_unordered (in the order in which they are done).
//
//   for (const Page& page : pool.imap_unordered(urls, fetch, 20)) index(page);
//
// A greenlet of its own takes the items and starts the work. It begins when the Imap is made, pauses when the group is
// a full pool, and while there are as many results in work or waiting as the caller allows. Where the function, or
// taking an item, fails, next() throws that failure, and may be called again. Destroying an Imap early ends the
// starting of work, for which it may yield; what was started runs on.

#pragma once

#include <cstddef>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "greenrt/greenlet.h"
#include "greenrt/queue.h"
#include "greenrt/semaphore.h"

namespace greenrt {

enum class ImapOrder { kOfItems, kOfEnding };

struct ImapLimits {
  static constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();
};

template <typename T>
class Imap {
  static_assert(!std::is_void_v<T>, "imap gives results: without any, spawn and join");

 public:
  // `start(item)` starts the work on an item and returns its greenlet.
  template <typename Items, typename Start>
  Imap(Items items, Start start, ImapOrder order, std::size_t ahead) : state_(std::make_shared<State>(ahead)) {
    feeder_ = spawn([state = state_, items = std::move(items), start = std::move(start), order]() mutable {
      feed(state, items, start, order);
    });
    feeder_->set_name("imap");
  }
  Imap(Imap&&) noexcept = default;
  Imap& operator=(Imap&&) = delete;
  ~Imap() {
    if (!feeder_) return;
    if (!current()) {
      feeder_->kill_soon();
      return;
    }
    const Shield shield;
    feeder_->kill();
  }

  // Yields until there is a result; nothing after the last one. Throws what the work on that item failed with.
  // Cancelled: nothing is lost, the next call gives it.
  std::optional<T> next() {
    if (!next_) {
      auto greenlet = state_->results.next();
      if (!greenlet) {
        if (const auto feeder = std::exchange(feeder_, nullptr)) feeder->get();
        return std::nullopt;
      }
      next_ = std::move(*greenlet);
    }
    next_->join();
    const auto greenlet = std::exchange(next_, nullptr);
    state_->room.release();
    return std::move(greenlet->get());
  }

  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(Imap& imap) : imap_(&imap), current_(imap.next()) {}
    T& operator*() { return *current_; }
    Iterator& operator++() {
      current_ = imap_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t) { return !iterator.current_; }

   private:
    Imap* imap_;
    std::optional<T> current_;
  };
  Iterator begin() { return Iterator(*this); }
  std::default_sentinel_t end() { return std::default_sentinel; }

 private:
  struct State {
    explicit State(std::size_t ahead) : room(ahead) {
      if (ahead == 0) throw std::invalid_argument("imap works on at least one item ahead");
    }
    Semaphore room;
    Queue<Ref<GreenletOf<T>>> results;
    std::size_t unfinished = 0;  // of those whose end is waited for
    bool fed = false;

    void close_when_done() {
      if (fed && unfinished == 0) results.close();
    }
  };

  template <typename Items, typename Start>
  static void feed(const std::shared_ptr<State>& state, Items& items, Start& start, ImapOrder order) {
    const struct Fed {
      State& state;
      ~Fed() {
        state.fed = true;
        state.close_when_done();
      }
    } fed{*state};
    for (auto&& item : items) {
      state->room.acquire();
      const auto greenlet = start(item);
      if (order == ImapOrder::kOfItems) {
        state->results.put(greenlet);
        continue;
      }
      ++state->unfinished;
      greenlet->rawlink([state, greenlet = greenlet.get()](Greenlet&) {
        --state->unfinished;
        state->results.put_nowait(Ref<GreenletOf<T>>(greenlet));
        state->close_when_done();
      });
    }
  }

  std::shared_ptr<State> state_;
  Ref<GreenletOf<T>> next_;  // whose result is waited for
  Ref<GreenletOf<void>> feeder_;
};

}  // namespace greenrt
