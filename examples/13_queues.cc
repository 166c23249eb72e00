// Queues: how greenlets hand work to each other.

#include <chrono>
#include <cstdio>
#include <functional>
#include <string>

#include "greenrt/greenlet.h"
#include "greenrt/group.h"
#include "greenrt/hub.h"
#include "greenrt/queue.h"

using namespace std::chrono_literals;

// A boss who puts more than the queue holds has to wait; workers go home when nothing comes any more.
void bounded() {
  std::puts("Queue with a bound");
  greenrt::Queue<int> tasks(3);
  greenrt::Group workers;
  for (const char* name : {"steve", "john", "bob"}) {
    workers.spawn([&tasks, name] {
      try {
        while (true) {
          std::printf("  %s got task %d\n", name, tasks.get(50ms));
          greenrt::yield();
        }
      } catch (const greenrt::QueueEmpty&) {
        std::printf("  %s goes home\n", name);
      }
    });
  }
  for (int task = 1; task <= 9; ++task)
    tasks.put(task);
  std::puts("  all tasks are handed out");
  workers.join();
}

void without_waiting() {
  std::puts("Empty and Full");
  greenrt::Queue<int> queue(1);
  try {
    queue.get_nowait();
  } catch (const greenrt::QueueEmpty& empty) {
    std::printf("  %s\n", empty.what());
  }
  queue.put_nowait(1);
  try {
    queue.put_nowait(2);
  } catch (const greenrt::QueueFull& full) {
    std::printf("  %s\n", full.what());
  }
}

// The same calls, another order; a closed queue ends the loop.
template <typename AnyQueue>
void fill_and_drain(const char* name) {
  AnyQueue queue;
  for (const int item : {2, 3, 1})
    queue.put(item);
  queue.close();
  std::printf("%s:", name);
  for (const int item : queue)
    std::printf(" %d", item);
  std::puts("");
}

// join() waits until everything that was put has been worked off, not only taken.
void joinable() {
  std::puts("JoinableQueue");
  greenrt::JoinableQueue<std::string> queue;
  const auto worker = greenrt::spawn([&] {
    for (const std::string& item : queue) {
      greenrt::sleep(1ms);
      std::printf("  worked off %s\n", item.c_str());
      queue.task_done();
    }
  });
  for (const char* item : {"one", "two"})
    queue.put(item);
  queue.join();
  std::printf("  joined, %zu unfinished\n", queue.unfinished());
  queue.close();
  worker->join();
}

// Nothing lies around: each put meets a get.
void channel() {
  std::puts("Channel");
  greenrt::Channel<int> numbers;
  const auto producer = greenrt::spawn([&] {
    for (int number = 1; number <= 3; ++number) {
      numbers.put(number);
      std::printf("  %d was taken\n", number);
    }
    numbers.close();
  });
  for (const int number : numbers) {
    std::printf("  received %d\n", number);
    greenrt::sleep(1ms);
  }
  producer->join();
}

int main() {
  greenrt::Hub hub;
  hub.run([] {
    bounded();
    without_waiting();
    fill_and_drain<greenrt::Queue<int>>("Queue");
    fill_and_drain<greenrt::LifoQueue<int>>("LifoQueue");
    fill_and_drain<greenrt::PriorityQueue<int>>("PriorityQueue");
    fill_and_drain<greenrt::PriorityQueue<int, std::greater<>>>("PriorityQueue, the greatest first");
    joinable();
    channel();
  });
}
