// Parks greenlets of two threads in functions of known names, and calls all_parked() when all of them are there, which
// is where gdb_test.py stops it.

#include <chrono>
#include <cstdio>
#include <latch>
#include <thread>

#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/queue.h"

namespace parked {

using namespace std::chrono_literals;

volatile int depth = 0;  // keeps what follows from being inlined or left by a tail call

[[gnu::noinline]] void in_event(greenrt::Event& event) {
  event.wait();
  depth = depth + 1;
}

[[gnu::noinline]] void in_queue(greenrt::Queue<int>& queue) {
  depth = queue.get();
}

[[gnu::noinline]] void in_sleep(int levels) {
  const volatile int level = levels;  // to be printed
  if (level > 0) {
    in_sleep(level - 1);
  } else {
    greenrt::sleep(1h);
  }
  depth = depth + 1;
}

[[gnu::noinline]] void all_parked() {
  std::puts("all parked");
  depth = depth + 1;
}

void other_thread(std::latch& is_parked) {
  greenrt::Hub hub;
  hub.run([&] {
    const auto sleeper = greenrt::spawn([] { in_sleep(0); });
    sleeper->set_name("elsewhere");
    greenrt::yield();
    is_parked.count_down();
    sleeper->join();
  });
}

}  // namespace parked

int main() {
  std::latch is_parked(1);
  std::thread thread(parked::other_thread, std::ref(is_parked));
  is_parked.wait();
  greenrt::Hub hub;
  hub.run([] {
    greenrt::Event event;
    greenrt::Queue<int> queue;
    greenrt::spawn([&] { parked::in_event(event); })->set_name("listener");
    greenrt::spawn([&] { greenrt::spawn([&] { parked::in_queue(queue); })->set_name("consumer"); });
    greenrt::spawn([] { parked::in_sleep(3); })->set_name("sleeper");
    greenrt::yield();
    greenrt::yield();  // the consumer has come to its first turn
    greenrt::spawn([] { parked::in_sleep(0); })->set_name("late");
    parked::all_parked();
    queue.put(1);
    event.set();
  });
  std::quick_exit(0);  // the other thread sleeps on
}
