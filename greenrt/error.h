// The exceptions of greenrt.
//
// Two families, as in gevent. Unwind steers greenlets (kill, timeouts); it does not derive from std::exception, so that
// `catch (const std::exception&)` around a piece of work does not eat a kill meant for the whole greenlet. Whoever
// writes `catch (...)` must rethrow. Everything else reports a misuse or a failure and is a std::exception.

#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace greenrt {

class Unwind {
 public:
  Unwind() = default;
  Unwind(const Unwind&) = default;
  Unwind& operator=(const Unwind&) = default;
  virtual ~Unwind() = default;
  [[nodiscard]] virtual const char* what() const noexcept = 0;
};

// Thrown into a greenlet by kill(). A greenlet that ends with it has ended successfully.
class GreenletExit : public Unwind {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "GreenletExit"; }
};

// A Timeout went off, or a call that was given a Deadline could not finish by it.
class TimeoutExpired : public Unwind {
 public:
  TimeoutExpired() = default;
  explicit TimeoutExpired(std::uint64_t timeout_id) : timeout_id_(timeout_id) {}
  [[nodiscard]] const char* what() const noexcept override { return "TimeoutExpired"; }

  // Identity of the Timeout that threw it; 0 when it stands for a call's Deadline. See Timeout::threw().
  [[nodiscard]] std::uint64_t timeout_id() const { return timeout_id_; }

 private:
  std::uint64_t timeout_id_ = 0;
};

// Nothing can ever wake the main greenlet: no watcher is active and no greenlet is ready. what() says who waits for
// what.
class LoopExit : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A second greenlet waits where there is room for one (the read side of a descriptor, say).
class ConcurrentUse : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// The object was closed while, or before, a greenlet waited on it.
class Closed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The hub holds as many greenlets as it may. Nothing was created.
class TooManyGreenlets : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace greenrt
