// A program that runs beside the hub: its input and output are pumped, and its end is waited for, while others go on.

#include <chrono>
#include <csignal>
#include <cstdio>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/subprocess.h"

using namespace std::chrono_literals;
using greenrt::Subprocess;

int main() {
  greenrt::Hub hub;
  hub.run([] {
    int ticks = 0;
    const auto clock = greenrt::spawn([&ticks] {
      while (true) {
        ++ticks;
        greenrt::sleep(1ms);
      }
    });

    Subprocess program({"sh", "-c", "sleep 0.05; sort; echo done >&2; exit 3"},
                       {.in = Subprocess::kPipe, .out = Subprocess::kPipe, .err = Subprocess::kPipe});
    const auto result = program.communicate("pear\napple\nfig\n", 10s);
    std::printf("out:\n%serr: %sexit status: %d\n", result.out.c_str(), result.err.c_str(), result.status.code);
    std::printf("the clock went on ticking meanwhile: %d\n", ticks > 1);
    clock->kill();

    Subprocess endless({"sleep", "100"});
    std::printf("ended by itself: %d\n", endless.wait(1ms).has_value());
    endless.terminate();
    std::printf("ended by SIGTERM: %d\n", endless.wait()->signal == SIGTERM);
  });
}
