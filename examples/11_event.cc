// Event: many wait for one thing to happen.

#include <chrono>
#include <cstdio>
#include <vector>

#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "greenrt/hub.h"

using namespace std::chrono_literals;

int main() {
  greenrt::Hub hub;
  hub.run([] {
    greenrt::Event event;

    std::vector<greenrt::GreenletRef> all;
    for (int number = 1; number <= 3; ++number) {
      all.push_back(greenrt::spawn([&event, number] {
        std::printf("waiter %d: waits\n", number);
        event.wait();
        std::printf("waiter %d: it has happened\n", number);
      }));
    }
    all.push_back(greenrt::spawn([&event] {
      std::puts("setter: have to do something first");
      greenrt::sleep(2ms);
      std::puts("setter: done");
      event.set();
    }));
    greenrt::join_all(all);

    std::printf("once set, nobody waits: %d\n", event.wait());
    event.clear();
    std::printf("cleared, a wait with a limit: %d\n", event.wait(1ms));
  });
}
