#include "greenrt/queue.h"

#include <memory>
#include <string>
#include <vector>

#include "greenrt/greenlet.h"
#include "greenrt/timeout.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::settle;

HUB_TEST(Queue, IsFirstInFirstOut) {
  Queue<int> queue;
  for (int i = 0; i < 3; ++i)
    queue.put(i);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(queue.get(), 0);
  EXPECT_EQ(queue.try_get(), 1);
  EXPECT_EQ(queue.get(0ms), 2);
  EXPECT_EQ(queue.try_get(), std::nullopt);
  EXPECT_TRUE(queue.empty());
}

HUB_TEST(Queue, ServesGettersInOrderOfArrival) {
  Queue<int> queue;
  std::vector<std::string> got;
  std::vector<GreenletRef> all;
  for (const char* name : {"a", "b", "c"})
    all.push_back(spawn([&, name] { got.push_back(name + std::to_string(queue.get())); }));
  yield();
  EXPECT_EQ(queue.getters(), 3u);
  for (int i = 0; i < 3; ++i)
    queue.put(i);
  join_all(all);
  EXPECT_THAT(got, ElementsAre("a0", "b1", "c2"));
}

HUB_TEST(Queue, NobodyTakesTheItemOfAGetterOnTheWay) {
  Queue<int> queue;
  const auto getter = spawn([&] { return queue.get(); });
  yield();
  queue.put(1);
  EXPECT_EQ(queue.try_get(), std::nullopt);
  EXPECT_EQ(getter->get(), 1);
}

HUB_TEST(Queue, PutWaitsForRoomAndPuttersAreServedInOrderOfArrival) {
  Queue<int> queue(1);
  queue.put(0);
  EXPECT_TRUE(queue.full());
  std::vector<GreenletRef> all;
  for (int i = 1; i <= 3; ++i)
    all.push_back(spawn([&, i] { queue.put(i); }));
  yield();
  EXPECT_EQ(queue.putters(), 3u);
  EXPECT_EQ(queue.size(), 1u);
  for (int i = 0; i <= 3; ++i)
    EXPECT_EQ(queue.get(), i);
  join_all(all);
}

HUB_TEST(Queue, PutDoesNotOvertakeThePuttersThatWait) {
  Queue<int> queue(1);
  queue.put(0);
  const auto waiting = spawn([&] { queue.put(1); });
  yield();
  EXPECT_EQ(queue.get(), 0);
  EXPECT_FALSE(queue.try_put(2));
  EXPECT_EQ(queue.get(), 1);
  waiting->join();
}

HUB_TEST(Queue, ThrowsEmptyAndFullAtTheDeadline) {
  Queue<int> queue(1);
  EXPECT_THROW(queue.get(1ms), QueueEmpty);
  EXPECT_THROW(queue.get(0ms), QueueEmpty);
  queue.put(1);
  EXPECT_THROW(queue.put(2, 1ms), QueueFull);
  EXPECT_EQ(queue.putters(), 0u);
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_THROW(Queue<int>(0), std::invalid_argument);
}

HUB_TEST(Queue, TryPutKeepsTheItemWithItsOwnerWhenThereIsNoRoom) {
  Queue<std::unique_ptr<int>> queue(1);
  auto item = std::make_unique<int>(1);
  EXPECT_TRUE(queue.try_put(item));
  EXPECT_EQ(item, nullptr);
  item = std::make_unique<int>(2);
  EXPECT_FALSE(queue.try_put(item));
  EXPECT_EQ(*item, 2);
}

HUB_TEST(Queue, GetterKilledAfterItWasGivenAnItemGivesItToTheNextGetter) {
  Queue<int> queue;
  const auto killed = spawn([&] { queue.get(); });
  const auto next = spawn([&] { return queue.get(); });
  yield();
  queue.put(1);
  killed->kill();
  EXPECT_EQ(next->get(), 1);
}

HUB_TEST(Queue, GetterKilledAfterItWasGivenAnItemPutsItBackInFront) {
  Queue<int> queue;
  const auto killed = spawn([&] { queue.get(); });
  yield();
  queue.put(1);
  queue.put(2);
  killed->kill();
  EXPECT_EQ(queue.get(), 1);
  EXPECT_EQ(queue.get(), 2);
}

HUB_TEST(Queue, ItemThatCameBackIntoAFullQueueDelaysThePutters) {
  Queue<int> queue(1);
  const auto killed = spawn([&] { queue.get(); });
  yield();
  const auto putter = spawn([&] { queue.put(3); });
  queue.put(1);
  queue.put(2);
  killed->kill_soon();
  settle();
  EXPECT_EQ(queue.putters(), 1u);
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue.get(), 1);
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_EQ(queue.get(), 2);
  EXPECT_EQ(queue.get(), 3);
  putter->join();
}

HUB_TEST(Queue, GetterWhoseTimeoutWentOffAfterItWasGivenAnItemLosesNothing) {
  Queue<int> queue;
  const auto getter = spawn([&] {
    const Timeout timeout(0ms);
    queue.get();
  });
  yield();
  testing::let_poll();  // the timeout has gone off, its greenlet has not run
  queue.put(1);
  EXPECT_THROW(getter->get(), TimeoutExpired);
  EXPECT_EQ(queue.try_get(), 1);
  testing::take_errors();
}

HUB_TEST(Queue, PutterKilledBeforeThereWasRoomHasPutNothing) {
  Queue<int> queue(1);
  queue.put(0);
  const auto killed = spawn([&] { queue.put(1); });
  yield();
  killed->kill();
  EXPECT_EQ(queue.get(), 0);
  EXPECT_EQ(queue.try_get(), std::nullopt);
}

HUB_TEST(Queue, HoldsWhatCanOnlyBeMoved) {
  Queue<std::unique_ptr<int>> queue;
  const auto getter = spawn([&] { return *queue.get(); });
  yield();
  queue.put(std::make_unique<int>(5));
  EXPECT_EQ(getter->get(), 5);
}

}  // namespace
}  // namespace greenrt
