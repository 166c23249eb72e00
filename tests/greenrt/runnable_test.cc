#include "greenrt/runnable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace greenrt {
namespace {

struct Item : Runnable {
  Item() : Runnable(nullptr) {}
};

std::vector<Runnable*> drain(ReadyQueue& queue) {
  std::vector<Runnable*> all;
  while (!queue.empty())
    all.push_back(queue.pop());
  return all;
}

TEST(ReadyQueue, IsFirstInFirstOut) {
  Item a;
  Item b;
  ReadyQueue queue;
  queue.push(a);
  queue.push(b);
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue.front(), &a);
  EXPECT_THAT(drain(queue), ::testing::ElementsAre(&a, &b));
}

TEST(ReadyQueue, HoldsEachOnce) {
  Item a;
  Item b;
  ReadyQueue queue;
  queue.push(a);
  queue.push(b);
  queue.push(a);
  EXPECT_TRUE(a.queued());
  EXPECT_THAT(drain(queue), ::testing::ElementsAre(&a, &b));
  EXPECT_FALSE(a.queued());
  queue.push(a);
  EXPECT_THAT(drain(queue), ::testing::ElementsAre(&a));
}

TEST(ReadyQueue, GivesUpOneFromAnyPlace) {
  for (int removed = 0; removed < 3; ++removed) {
    std::array<Item, 3> items;
    ReadyQueue queue;
    for (Item& item : items)
      queue.push(item);
    queue.remove(items.at(removed));
    queue.remove(items.at(removed));
    EXPECT_FALSE(items.at(removed).queued());
    EXPECT_EQ(queue.size(), 2u);
    queue.push(items.at(removed));
    EXPECT_THAT(drain(queue), ::testing::ElementsAre(&items.at((removed == 0) ? 1 : 0),
                                                     &items.at((removed == 2) ? 1 : 2), &items.at(removed)));
  }
}

TEST(ReadyQueue, PutsOneFirstWhereverItStands) {
  Item a;
  Item b;
  ReadyQueue queue;
  queue.push_front(a);
  queue.push(b);
  queue.push_front(b);
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue.pop(), &b);
  EXPECT_EQ(queue.pop(), &a);
  EXPECT_TRUE(queue.empty());
  queue.push(a);
  EXPECT_EQ(queue.pop(), &a);
}

}  // namespace
}  // namespace greenrt
