// GreenletLocal: a variable of which each greenlet has its own.
//
//   GreenletLocal<Request> request;
//   request->user = "ada";          // of the running greenlet only
//
// A value is made when its greenlet first asks for it, and destroyed when the greenlet ends, the newest one first, on
// the greenlet's own stack and before anybody who waits for its end goes on. Nothing is thrown into the greenlet
// meanwhile. Values outlive the GreenletLocal itself, which only gives access to them. On the hub's own stack, where no
// greenlet runs, access throws std::logic_error.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "greenrt/hub.h"

namespace greenrt {

namespace detail {

// The values of one greenlet. Few, so they are looked up one after the other.
class Locals {
 public:
  using Id = std::uint64_t;
  static Id new_id();

  Locals() = default;
  Locals(const Locals&) = delete;
  Locals& operator=(const Locals&) = delete;
  ~Locals() { clear(); }

  [[nodiscard]] void* find(Id id) const;
  void add(Id id, void* value, void (*destroy)(void*));
  void remove(Id id);
  // Destroys all, the newest first.
  void clear();

 private:
  struct Entry {
    Id id;
    void* value;
    void (*destroy)(void*);
  };
  std::vector<Entry> entries_;
};

}  // namespace detail

template <typename T>
class GreenletLocal {
 public:
  // Values are made by `make`, or by T().
  GreenletLocal() : make_([] { return T(); }) {}
  explicit GreenletLocal(std::function<T()> make) : make_(std::move(make)) {}
  GreenletLocal(const GreenletLocal&) = delete;
  GreenletLocal& operator=(const GreenletLocal&) = delete;

  // The value of the running greenlet, which is made now if it has none.
  T& get() {
    if (T* value = find()) return *value;
    auto value = std::make_unique<T>(make_());
    locals().add(id_, value.get(), [](void* old) { delete static_cast<T*>(old); });
    return *value.release();
  }
  T& operator*() { return get(); }
  T* operator->() { return &get(); }

  // nullptr when the running greenlet has none.
  [[nodiscard]] T* find() const { return static_cast<T*>(locals().find(id_)); }

  // Destroys the value of the running greenlet.
  void reset() { locals().remove(id_); }

 private:
  static detail::Locals& locals() { return Hub::current().require_running()->locals(); }

  std::function<T()> make_;
  detail::Locals::Id id_ = detail::Locals::new_id();
};

}  // namespace greenrt
