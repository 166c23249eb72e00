// AsyncResult: an event that carries a value, or a failure.

#include <chrono>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include "greenrt/async_result.h"
#include "greenrt/greenlet.h"
#include "greenrt/hub.h"

using namespace std::chrono_literals;

int main() {
  greenrt::Hub hub;
  hub.run([] {
    greenrt::AsyncResult<std::string> result;
    const auto setter = greenrt::spawn([&] {
      greenrt::sleep(1ms);
      result.set("Hello!");
    });
    std::printf("before: ready %d\n", result.ready());
    std::printf("waiter: %s\n", result.get().c_str());
    std::printf("after: ready %d, and again %s\n", result.ready(), result.get().c_str());
    setter->join();

    greenrt::AsyncResult<int> failed;
    const auto waiter = greenrt::spawn([&] {
      try {
        failed.get();
      } catch (const std::runtime_error& error) {
        std::printf("the waiter gets the failure: %s\n", error.what());
      }
    });
    greenrt::yield();
    failed.set_exception(std::make_exception_ptr(std::runtime_error("no answer")));
    waiter->join();

    greenrt::AsyncResult<int> never;
    try {
      never.get(1ms);
    } catch (const greenrt::TimeoutExpired&) {
      std::puts("nothing came in time");
    }
  });
}
