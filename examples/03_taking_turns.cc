// Two greenlets: each yields to whoever is next, or hands control to the other by name.

#include <cstdio>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"

// Each yield lets everybody else who is ready go first.
void yields() {
  const auto foo = greenrt::spawn([] {
    std::puts("running in foo");
    greenrt::yield();
    std::puts("explicit context switch to foo again");
  });
  const auto bar = greenrt::spawn([] {
    std::puts("explicit context to bar");
    greenrt::yield();
    std::puts("implicit context switch back to bar");
  });
  greenrt::join_all({foo, bar});
}

// The bare switch under it all: the other one runs now, and this one waits until it is switched to.
void switches() {
  greenrt::GreenletRef first;
  greenrt::GreenletRef second;
  first = greenrt::make_greenlet([&] {
    std::puts("12");
    greenrt::switch_to(*second);
    std::puts("34");
  });
  second = greenrt::make_greenlet([&] {
    std::puts("56");
    greenrt::switch_to(*first);
    std::puts("78, which is never printed: nobody switches back");
  });
  first->start();
  first->join();
  second->kill();
}

int main() {
  greenrt::Hub hub;
  hub.run([] {
    yields();
    switches();
  });
}
