// The work of greenrt_bench.cc with Boost.Fiber, whose context switch is the same: its round-robin scheduler, and
// stacks of greenrt's size from its pool, which have no guard page.
//
//   yield/boost_fiber          two fibers with the same body in turn: a turn of one an iteration
//   yield_apart/boost_fiber    two fibers that yield from different places: a turn of each an iteration
//   spawn_join/boost_fiber     a fiber made, run, ended and waited for
//   event/boost_fiber          a flag under a mutex, set by one fiber, waited for by another, and back
//   queue_pingpong/boost_fiber an item to another fiber through a buffered_channel, and one back
//   sleep0_1000/boost_fiber    a thousand fibers that yield: a turn of each an iteration

#include <benchmark/benchmark.h>
#include <boost/fiber/all.hpp>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace {

namespace fibers = boost::fibers;
namespace this_fiber = boost::this_fiber;

constexpr std::size_t kStackBytes = 64 * 1024;

template <typename Body>
fibers::fiber spawn(Body body) {
  static fibers::pooled_fixedsize_stack stacks(kStackBytes);
  return {std::allocator_arg, stacks, std::move(body)};
}

void yields(benchmark::State& state) {
  bool done = false;
  const auto take_turns = [&] {
    while (!done && state.KeepRunning())
      this_fiber::yield();
    done = true;
  };
  auto one = spawn(take_turns);
  auto other = spawn(take_turns);
  one.join();
  other.join();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(yields)->Name("yield/boost_fiber");

void yields_apart(benchmark::State& state) {
  bool done = false;
  auto other = spawn([&] {
    while (!done)
      this_fiber::yield();
  });
  for (auto _ : state)
    this_fiber::yield();
  done = true;
  other.join();
  state.SetItemsProcessed(2 * state.iterations());
}
BENCHMARK(yields_apart)->Name("yield_apart/boost_fiber");

void spawn_join(benchmark::State& state) {
  for (auto _ : state)
    spawn([] {}).join();
}
BENCHMARK(spawn_join)->Name("spawn_join/boost_fiber");

class Event {
 public:
  void set() {
    {
      const std::lock_guard lock(mutex_);
      set_ = true;
    }
    changed_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return set_; });
    set_ = false;
  }

 private:
  fibers::mutex mutex_;
  fibers::condition_variable changed_;
  bool set_ = false;
};

void event(benchmark::State& state) {
  Event ping;
  Event pong;
  bool done = false;
  auto other = spawn([&] {
    while (true) {
      ping.wait();
      if (done) return;
      pong.set();
    }
  });
  for (auto _ : state) {
    ping.set();
    pong.wait();
  }
  done = true;
  ping.set();
  other.join();
}
BENCHMARK(event)->Name("event/boost_fiber");

void queue_pingpong(benchmark::State& state) {
  fibers::buffered_channel<int> there(2);
  fibers::buffered_channel<int> back(2);
  auto other = spawn([&] {
    int item = 0;
    while (there.pop(item) == fibers::channel_op_status::success)
      back.push(item);
  });
  int item = 0;
  for (auto _ : state) {
    there.push(1);
    back.pop(item);
    benchmark::DoNotOptimize(item);
  }
  there.close();
  other.join();
}
BENCHMARK(queue_pingpong)->Name("queue_pingpong/boost_fiber");

void sleep0(benchmark::State& state) {
  constexpr int kTogether = 1000;
  bool done = false;
  std::vector<fibers::fiber> others;
  for (int i = 1; i < kTogether; ++i) {
    others.push_back(spawn([&] {
      while (!done)
        this_fiber::yield();
    }));
  }
  for (auto _ : state)
    this_fiber::yield();
  done = true;
  for (fibers::fiber& each : others)
    each.join();
  state.SetItemsProcessed(kTogether * state.iterations());
}
BENCHMARK(sleep0)->Name("sleep0_1000/boost_fiber");

}  // namespace
