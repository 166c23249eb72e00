// Fetching from a service on the network, one request after the other and all at once.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ranges>
#include <string>

#include "examples/web.h"
#include "greenrt/greenlet.h"
#include "greenrt/group.h"
#include "greenrt/hub.h"

using namespace std::chrono_literals;

constexpr int kRequests = 10;

// A service that takes a while, as those far away do.
web::Response service(const web::Request& request) {
  greenrt::sleep(30ms);
  return web::text("answer to " + std::string(request.target()));
}

template <typename Work>
std::chrono::duration<double, std::milli> time_of(Work work) {
  const auto began = greenrt::Clock::now();
  work();
  return greenrt::Clock::now() - began;
}

int main() {
  bool faster = false;
  greenrt::Hub hub;
  hub.run([&] {
    auto server = web::make_server(web::answering(service));
    server.start();
    int right = 0;
    const auto fetch = [&](int number) {
      const std::string target = "/" + std::to_string(number);
      right += web::Client(server.address()).get(target).body() == "answer to " + target;
    };

    const auto synchronous = time_of([&] {
      for (const int number : std::views::iota(0, kRequests))
        fetch(number);
    });
    std::printf("synchronous: %d right answers in %.0f ms\n", right, synchronous.count());

    right = 0;
    const auto asynchronous = time_of([&] {
      greenrt::Group fetchers;
      for (const int number : std::views::iota(0, kRequests))
        fetchers.spawn(fetch, number);
      fetchers.join_or_throw();
    });
    std::printf("asynchronous: %d right answers in %.0f ms\n", right, asynchronous.count());

    std::printf("%.1f times as fast\n", synchronous / asynchronous);
    faster = synchronous > asynchronous;
  });
  return faster ? EXIT_SUCCESS : EXIT_FAILURE;
}
