// Pool: a group with a limit; and the pool of sockets that is built on one.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <ranges>
#include <span>
#include <string>
#include <utility>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/pool.h"
#include "greenrt/socket_address.h"
#include "greenrt/stream.h"

using namespace std::chrono_literals;

void limited() {
  greenrt::Pool pool(2);
  for (const char* name : {"a", "b", "c", "d"}) {
    pool.spawn([&pool, name] {  // waits while two are at work
      std::printf("%s, with %zu in the pool\n", name, pool.size());
      greenrt::yield();
    });
  }
  std::printf("free: %zu, full: %d\n", pool.free_count(), pool.full());
  pool.join();

  const auto square = [](int item) { return item * item; };
  for (const int result : pool.map(std::views::iota(1, 5), square))
    std::printf("%d ", result);
  std::puts("");
}

// A server's clients: at most so many are served at a time, and all can be told to go.
class SocketPool {
 public:
  explicit SocketPool(std::size_t limit) : pool_(limit) {}

  // Waits while the pool is full, so that nobody is taken on who cannot be served.
  void serve(greenrt::Stream client) {
    pool_.spawn([this](greenrt::Stream stream) { echo(stream); }, std::move(client));
  }
  void shutdown() { pool_.kill(); }
  std::size_t most() const { return most_; }

 private:
  void echo(greenrt::Stream& client) {
    most_ = std::max(most_, pool_.size());
    std::byte buffer[256];
    while (const std::size_t size = client.read_some(buffer))
      client.write_all(std::span<const std::byte>(buffer, size));
  }

  greenrt::Pool pool_;
  std::size_t most_ = 0;
};

std::string ask(const greenrt::SocketAddress& server, const std::string& question) {
  auto stream = greenrt::Stream::connect(server, 10s);
  stream.write_all(question, 10s);
  std::byte answer[256];
  const std::size_t size = stream.read_some(answer, 10s);
  return {reinterpret_cast<const char*>(answer), size};
}

void sockets() {
  auto listener = greenrt::Listener::bind_tcp(*greenrt::SocketAddress::parse("127.0.0.1", 0));
  SocketPool clients(3);
  const auto server = greenrt::spawn([&] {
    while (true)
      clients.serve(listener.accept());
  });
  greenrt::Pool askers(10);
  const auto answers = askers.map(std::views::iota(0, 10), [&](int number) {
    return ask(listener.local_address(), "hello " + std::to_string(number));
  });
  std::printf("%zu answers, from %s to %s\n", answers.size(), answers.front().c_str(), answers.back().c_str());
  std::printf("never more than three were served at a time: %d\n", clients.most() <= 3);
  server->kill();
  clients.shutdown();
}

int main() {
  greenrt::Hub hub;
  hub.run([] {
    limited();
    sockets();
  });
}
