// What the primitives of greenrt cost, and beside them the bare switch of stacks that lies under them all, and the same
// work with Boost.Fiber (boost_fiber_bench.cc).
//
//   yield/fcontext         there and back between two stacks, nothing else (two switches an iteration)
//   yield/greenrt          two greenlets with the same body in turn: a turn of one an iteration
//   yield/greenrt_full     the same with every slice measured
//   yield_apart/greenrt    two greenlets that yield from different places: a turn of each an iteration
//   spawn_join/greenrt     a greenlet made, run, ended and waited for
//   spawn_join_all/greenrt the same, a thousand at a time
//   event/greenrt          set by one greenlet, waited for by another, and back
//   semaphore/greenrt      acquire and release without a wait
//   queue_pingpong/greenrt an item to another greenlet and one back
//   sleep0_1000/greenrt    a thousand greenlets that sleep for no time: a turn of each an iteration
//   timeout/greenrt        a Timeout armed and disarmed around nothing
//   parked_memory/greenrt  bytes_each: resident memory of each of 20 000 greenlets that wait for an event

#include <benchmark/benchmark.h>
#include <boost/context/detail/fcontext.hpp>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <vector>

#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/queue.h"
#include "greenrt/semaphore.h"
#include "greenrt/stack_pool.h"
#include "greenrt/timeout.h"

namespace {

using namespace std::chrono_literals;
using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

template <typename Body>
void in_hub(Body body, const greenrt::HubOptions& options = {}) {
  greenrt::Hub hub(options);
  hub.run(body);
}

void bare_switch(benchmark::State& state) {
  greenrt::StackPool pool(64 * 1024, 1);
  const greenrt::Stack stack = pool.acquire();
  auto there = make_fcontext(stack.top(), stack.size, [](transfer_t from) {
    while (true)
      from = jump_fcontext(from.fctx, nullptr);
  });
  for (auto _ : state)
    there = jump_fcontext(there, nullptr).fctx;
  pool.release(stack);
}
BENCHMARK(bare_switch)->Name("yield/fcontext");

void yields(benchmark::State& state, std::uint32_t switches_per_sample) {
  const auto body = [&] {
    bool done = false;
    const auto take_turns = [&] {
      while (!done && state.KeepRunning())
        greenrt::yield();
      done = true;
    };
    greenrt::join_all({greenrt::spawn(take_turns), greenrt::spawn(take_turns)});
  };
  in_hub(body, {.switches_per_sample = switches_per_sample});
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(yields, sampled, greenrt::HubOptions().switches_per_sample)->Name("yield/greenrt");
BENCHMARK_CAPTURE(yields, full, 1)->Name("yield/greenrt_full");

void yields_apart(benchmark::State& state) {
  in_hub([&] {
    bool done = false;
    const auto other = greenrt::spawn([&] {
      while (!done)
        greenrt::yield();
    });
    for (auto _ : state)
      greenrt::yield();
    done = true;
    other->join();
  });
  state.SetItemsProcessed(2 * state.iterations());
}
BENCHMARK(yields_apart)->Name("yield_apart/greenrt");

void spawn_join(benchmark::State& state) {
  in_hub([&] {
    for (auto _ : state)
      greenrt::spawn([] {})->join();
  });
}
BENCHMARK(spawn_join)->Name("spawn_join/greenrt");

void spawn_join_all(benchmark::State& state) {
  constexpr int kTogether = 1000;
  in_hub([&] {
    std::vector<greenrt::GreenletRef> all;
    for (auto _ : state) {
      all.clear();
      for (int i = 0; i < kTogether; ++i)
        all.push_back(greenrt::spawn([] { greenrt::yield(); }));
      greenrt::join_all(all);
    }
  });
  state.SetItemsProcessed(kTogether * state.iterations());
}
BENCHMARK(spawn_join_all)->Name("spawn_join_all/greenrt");

void event(benchmark::State& state) {
  in_hub([&] {
    greenrt::Event ping;
    greenrt::Event pong;
    const auto other = greenrt::spawn([&] {
      while (true) {
        ping.wait();
        ping.clear();
        pong.set();
      }
    });
    for (auto _ : state) {
      ping.set();
      pong.wait();
      pong.clear();
    }
    other->kill();
  });
}
BENCHMARK(event)->Name("event/greenrt");

void semaphore(benchmark::State& state) {
  in_hub([&] {
    greenrt::Semaphore permits(1);
    for (auto _ : state)
      const greenrt::Permit permit(permits);
  });
}
BENCHMARK(semaphore)->Name("semaphore/greenrt");

void queue_pingpong(benchmark::State& state) {
  in_hub([&] {
    greenrt::Queue<int> there;
    greenrt::Queue<int> back;
    const auto other = greenrt::spawn([&] {
      while (true)
        back.put(there.get());
    });
    for (auto _ : state) {
      there.put(1);
      benchmark::DoNotOptimize(back.get());
    }
    other->kill();
  });
}
BENCHMARK(queue_pingpong)->Name("queue_pingpong/greenrt");

void sleep0(benchmark::State& state) {
  constexpr int kTogether = 1000;
  in_hub([&] {
    bool done = false;
    std::vector<greenrt::GreenletRef> others;
    for (int i = 1; i < kTogether; ++i) {
      others.push_back(greenrt::spawn([&] {
        while (!done)
          greenrt::sleep(0s);
      }));
    }
    for (auto _ : state)
      greenrt::sleep(0s);
    done = true;
    greenrt::join_all(others);
  });
  state.SetItemsProcessed(kTogether * state.iterations());
}
BENCHMARK(sleep0)->Name("sleep0_1000/greenrt");

std::int64_t resident_bytes() {
  std::int64_t size = 0;
  std::int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

void parked_memory(benchmark::State& state) {
  constexpr int kParked = 20'000;
  for (auto _ : state) {
    in_hub([&] {
      greenrt::Event never;
      std::vector<greenrt::GreenletRef> parked;
      parked.reserve(kParked);
      const std::int64_t before = resident_bytes();
      for (int i = 0; i < kParked; ++i)
        parked.push_back(greenrt::spawn([&] { never.wait(); }));
      greenrt::yield();
      state.counters["bytes_each"] = static_cast<double>(resident_bytes() - before) / kParked;
      never.set();
      greenrt::join_all(parked);
    });
  }
}
BENCHMARK(parked_memory)->Name("parked_memory/greenrt")->Iterations(1)->Unit(benchmark::kMillisecond);

void timeout(benchmark::State& state) {
  in_hub([&] {
    for (auto _ : state)
      const greenrt::Timeout armed(1s);
  });
}
BENCHMARK(timeout)->Name("timeout/greenrt");

}  // namespace

BENCHMARK_MAIN();
