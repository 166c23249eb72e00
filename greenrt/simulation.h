// Simulation: a hub whose time and order belong to a test.
//
//   Simulation simulation({.seed = 7, .kill_at = 12});
//   Hub hub({.simulation = &simulation});
//   hub.run([&] { ...; simulation.expose(*worker); ... });
//
// The same seed gives the same run, whatever the machine does:
// - Time stands still while greenlets run, moves by a microsecond with each poll, and jumps to the next timer when
//   nothing is ready. So nobody waits for real, and Clock::now() tells the simulated time on this thread. Polls come
//   after one turn in four, at random, so that timers go off also while others are ready.
// - What is ready runs in random order, but first turns and callbacks keep theirs among themselves, and switch_to()
//   stays at once. Who relies on an order that greenrt does not promise is found out. Timers of one instant go off in
//   random order.
// - A kill, or a TimeoutExpired that belongs to nobody, is thrown into the exposed greenlet whose turn is the n-th of
//   all exposed greenlets' turns.
//
// Not for descriptors and other threads: what they do is no part of the seed, and time does not wait for them. Lives
// longer than its hub, on the hub's thread. One at a time on a thread.

#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "greenrt/deadline.h"

namespace greenrt {

class Greenlet;
class Hub;
class Runnable;
class Timer;

struct SimulationOptions {
  std::uint64_t seed = 0;
  std::uint64_t kill_at = 0;     // 1 is the first turn; 0: never
  std::uint64_t timeout_at = 0;  // the same
};

class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options = {});
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  void expose(const Greenlet& greenlet);

  // Turns of exposed greenlets up to now: when it stays below kill_at and timeout_at, nothing was thrown.
  [[nodiscard]] std::uint64_t turns() const { return turns_; }

 private:
  friend class Hub;
  friend class Timer;

  struct Armed {
    Clock::time_point at;
    Timer* timer;
  };

  // For the hub: before each turn, with at least one ready; after each turn: true when a poll is next; and at each
  // poll: true when a timer has gone off.
  void before_switch(Hub& hub);
  bool ends_slice();
  bool advance(bool something_is_ready);
  // For timers.
  void start(Timer& timer, Deadline deadline);
  void stop(Timer& timer);

  void shuffle(Hub& hub);
  void strike(Greenlet& greenlet);

  SimulationOptions options_;
  std::mt19937_64 random_;
  Clock::time_point now_;
  std::vector<Armed> timers_;
  std::set<std::uint64_t> exposed_;  // by number
  std::uint64_t turns_ = 0;
};

}  // namespace greenrt
