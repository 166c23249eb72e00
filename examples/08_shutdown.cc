// Ending a program by a signal: nothing is left half done.

#include <signal.h>

#include <chrono>
#include <cstdio>

#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "greenrt/group.h"
#include "greenrt/hub.h"
#include "greenrt/signal.h"

using namespace std::chrono_literals;

void serve(int number) {
  try {
    while (true)
      greenrt::sleep(1h);
  } catch (const greenrt::GreenletExit&) {
    std::printf("worker %d: puts everything away\n", number);
    throw;  // whoever catches a kill passes it on
  }
}

int main() {
  greenrt::Hub hub;
  hub.run([] {
    greenrt::Event stop;
    // Called in a greenlet of its own, not in the narrow world of a signal handler: it may do whatever it likes.
    const greenrt::SignalHandler on_terminate(SIGTERM, [&stop](int) {
      std::puts("SIGTERM: shutting down");
      stop.set();
    });

    greenrt::Group workers;
    for (int number = 1; number <= 2; ++number)
      workers.spawn(serve, number);

    const auto somebody = greenrt::spawn_later(5ms, [] { ::raise(SIGTERM); });
    std::puts("main: at work");
    stop.wait();
    somebody->join();
    std::printf("main: all workers have ended %s\n", workers.kill(10s) ? "in time" : "too late");
  });
}
