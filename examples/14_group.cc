// Group: greenlets that belong together.

#include <chrono>
#include <cstdio>
#include <ranges>
#include <string>
#include <vector>

#include "greenrt/greenlet.h"
#include "greenrt/group.h"
#include "greenrt/hub.h"

using namespace std::chrono_literals;

void talk(const std::string& message) {
  for (int times = 0; times < 2; ++times) {
    std::puts(message.c_str());
    greenrt::yield();
  }
}

// Takes the longer, the greater the item.
int slowly(int item) {
  greenrt::sleep(std::chrono::milliseconds(10 * item));
  return item;
}

int main() {
  greenrt::Hub hub;
  hub.run([] {
    greenrt::Group group;
    const auto first = greenrt::spawn(talk, "bar");
    group.add(first);
    group.add(greenrt::spawn(talk, "foo"));
    std::printf("%zu members\n", group.size());
    group.join();
    std::printf("%zu members\n", group.size());

    const std::vector<int> items = {3, 1, 2};
    std::puts("map: all results, in the order of the items");
    for (const int result : group.map(items, slowly))
      std::printf("  %d\n", result);

    std::puts("imap: the same, one at a time");
    for (const int result : group.imap(items, slowly))
      std::printf("  %d\n", result);

    std::puts("imap_unordered: as they are done");
    for (const int result : group.imap_unordered(items, slowly))
      std::printf("  %d\n", result);

    std::puts("imap over endless items: no more than two are worked on ahead");
    auto squares = group.imap(
        std::views::iota(1), [](int item) { return item * item; }, 2);
    for (const int square : squares) {
      if (square > 20) break;
      std::printf("  %d\n", square);
    }

    group.spawn([] { greenrt::sleep(1h); });
    std::printf("joined in time: %d\n", group.join(1ms));
    std::printf("killed: %d\n", group.kill());
  });
}
