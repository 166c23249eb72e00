// Ten tasks that mostly wait: one after the other, and all at once.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"

using namespace std::chrono_literals;

int at_work = 0;
int most_at_work = 0;

void task(int number) {
  most_at_work = std::max(most_at_work, ++at_work);
  greenrt::sleep(20ms);  // stands for a query, a request: whatever one waits for
  --at_work;
  if (number == 9) std::printf("  task %d is done\n", number);
}

void synchronous() {
  for (int number = 0; number < 10; ++number)
    task(number);
}

void asynchronous() {
  std::vector<greenrt::GreenletRef> tasks;
  for (int number = 0; number < 10; ++number)
    tasks.push_back(greenrt::spawn(task, number));  // does not run yet: nobody has yielded
  greenrt::join_all(tasks);
}

void measure(const char* name, void (*demo)()) {
  most_at_work = 0;
  std::printf("%s\n", name);
  const auto start = greenrt::Clock::now();
  demo();
  const std::chrono::duration<double, std::milli> took = greenrt::Clock::now() - start;
  std::printf("  took %.1f ms, at most %d at work at a time\n", took.count(), most_at_work);
}

int main() {
  greenrt::Hub hub;
  hub.run([] {
    measure("synchronous", synchronous);
    measure("asynchronous", asynchronous);
  });
}
