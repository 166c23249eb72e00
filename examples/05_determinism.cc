// Greenlets do the same in every run; threads do not.

#include <chrono>
#include <cstdio>
#include <mutex>
#include <ranges>
#include <set>
#include <thread>
#include <vector>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/pool.h"

using namespace std::chrono_literals;
using Order = std::vector<int>;

constexpr int kItems = 10;

Order order_of_greenlets() {
  greenrt::Pool pool(kItems);
  Order order;
  const auto echo = [](int item) {
    greenrt::sleep(1ms);
    return item;
  };
  for (const int item : pool.imap_unordered(std::views::iota(0, kItems), echo))
    order.push_back(item);
  return order;
}

Order order_of_threads() {
  std::mutex mutex;
  Order order;
  {
    std::vector<std::jthread> threads;
    for (int item = 0; item < kItems; ++item) {
      threads.emplace_back([&, item] {
        std::this_thread::sleep_for(1ms);
        const std::lock_guard lock(mutex);
        order.push_back(item);
      });
    }
  }
  return order;
}

template <typename Run>
std::size_t distinct_orders(Run run) {
  std::set<Order> orders;
  for (int times = 0; times < 4; ++times)
    orders.insert(run());
  return orders.size();
}

int main() {
  greenrt::Hub hub;
  hub.run([] {
    std::printf("greenlets:");
    for (const int item : order_of_greenlets())
      std::printf(" %d", item);
    std::printf("\ngreenlets: %zu order in four runs\n", distinct_orders(order_of_greenlets));
  });
  std::printf("threads: %zu different orders in four runs\n", distinct_orders(order_of_threads));
}
