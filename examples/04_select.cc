// Three greenlets: two wait for descriptors, as with select() and poll(), and the third goes on meanwhile.

#include <poll.h>

#include <array>
#include <chrono>
#include <cstdio>

#include "greenrt/fd_watcher.h"
#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/pipe.h"
#include "greenrt/poll.h"

using namespace std::chrono_literals;

int main() {
  greenrt::Hub hub;
  hub.run([] {
    auto [silent, silent_end] = greenrt::PipeEnd::make();
    auto [spoken, spoken_end] = greenrt::PipeEnd::make();

    // poll(), which elsewhere would stop the whole thread, over several descriptors.
    const auto first = greenrt::spawn([quiet = silent.fd(), loud = spoken.fd()] {
      std::array<pollfd, 2> descriptors{{{quiet, POLLIN, 0}, {loud, POLLIN, 0}}};
      std::puts("first: polls two pipes");
      const std::size_t ready = greenrt::poll(descriptors, 1h);
      std::printf("first: %zu is ready, it is the %s one\n", ready, descriptors[1].revents ? "second" : "first");
    });

    // One descriptor, one direction, with a limit.
    const auto second = greenrt::spawn([quiet = silent.fd()] {
      greenrt::FdWatcher watcher(quiet);
      std::puts("second: waits for a pipe that stays silent");
      std::printf("second: readable %d\n", watcher.wait_read(100ms));
    });

    const auto third = greenrt::spawn([&end = spoken_end] {
      for (int step = 1; step <= 3; ++step) {
        std::printf("third: step %d, while the others wait\n", step);
        greenrt::sleep(1ms);
      }
      end.write_all("now");
    });

    greenrt::join_all({first, second, third});
  });
}
