// The kinds of queues, and closing, which is the same for all. What they have in common is in queue_test.cc.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "greenrt/greenlet.h"
#include "greenrt/queue.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::settle;

template <typename AnyQueue>
auto drain(AnyQueue& queue) {
  std::vector<typename std::decay_t<decltype(queue.get())>> all;
  while (auto item = queue.try_get())
    all.push_back(std::move(*item));
  return all;
}

HUB_TEST(QueueNowait, ThrowsEmptyAndFullWithoutYielding) {
  Queue<int> queue(1);
  bool ran = false;
  const auto other = spawn([&] { ran = true; });
  EXPECT_THROW(queue.get_nowait(), QueueEmpty);
  queue.put_nowait(1);
  EXPECT_THROW(queue.put_nowait(2), QueueFull);
  EXPECT_EQ(queue.get_nowait(), 1);
  EXPECT_FALSE(ran);
  other->join();
}

HUB_TEST(QueuePeek, ShowsWhatIsNextAndLeavesIt) {
  Queue<int> fifo;
  EXPECT_EQ(fifo.peek(), nullptr);
  fifo.put(1);
  fifo.put(2);
  EXPECT_EQ(*fifo.peek(), 1);
  EXPECT_EQ(fifo.size(), 2u);
  LifoQueue<int> lifo;
  lifo.put(1);
  lifo.put(2);
  EXPECT_EQ(*lifo.peek(), 2);
  PriorityQueue<int> smallest;
  smallest.put(2);
  smallest.put(1);
  EXPECT_EQ(*smallest.peek(), 1);
}

HUB_TEST(LifoQueue, IsLastInFirstOut) {
  LifoQueue<int> queue;
  for (int i = 0; i < 3; ++i)
    queue.put(i);
  EXPECT_THAT(drain(queue), ElementsAre(2, 1, 0));
}

HUB_TEST(LifoQueue, ItemOfAKilledGetterComesBackOnTop) {
  LifoQueue<int> queue;
  const auto killed = spawn([&] { queue.get(); });
  yield();
  queue.put(1);
  queue.put(2);
  killed->kill();
  EXPECT_THAT(drain(queue), ElementsAre(1, 2));
}

HUB_TEST(PriorityQueue, GivesTheSmallestFirstAndEqualOnesInOrder) {
  using Job = std::pair<int, std::string>;
  using Less = decltype([](const Job& a, const Job& b) { return a.first < b.first; });
  PriorityQueue<Job, Less> queue(10);
  for (const auto& [priority, name] : {Job{2, "a"}, {1, "b"}, {2, "c"}, {1, "d"}, {0, "e"}})
    queue.put({priority, name});
  std::vector<std::string> names;
  for (const Job& job : drain(queue))
    names.push_back(job.second);
  EXPECT_THAT(names, ElementsAre("e", "b", "d", "a", "c"));
}

HUB_TEST(PriorityQueue, TakesAnyOrder) {
  PriorityQueue<int, std::greater<>> queue;
  for (const int item : {3, 1, 2})
    queue.put(item);
  EXPECT_THAT(drain(queue), ElementsAre(3, 2, 1));
}

HUB_TEST(PriorityQueue, PutterThatGotRoomTakesItsPlaceByPriority) {
  PriorityQueue<int> queue(2);
  queue.put(5);
  queue.put(6);
  const auto putter = spawn([&] { queue.put(1); });
  yield();
  EXPECT_EQ(queue.get(), 5);
  putter->join();
  EXPECT_THAT(drain(queue), ElementsAre(1, 6));
}

HUB_TEST(PriorityQueue, ItemOfAKilledGetterGoesBeforeItsEquals) {
  using Job = std::pair<int, int>;
  using Less = decltype([](const Job& a, const Job& b) { return a.first < b.first; });
  PriorityQueue<Job, Less> queue;
  const auto killed = spawn([&] { queue.get(); });
  yield();
  queue.put({1, 0});
  queue.put({1, 1});
  queue.put({0, 2});
  killed->kill();
  EXPECT_THAT(drain(queue), ElementsAre(Job(0, 2), Job(1, 0), Job(1, 1)));
}

HUB_TEST(Channel, PutWaitsUntilAGetterTakesTheItem) {
  Channel<int> channel;
  std::vector<std::string> events;
  const auto putter = spawn([&] {
    channel.put(1);
    events.push_back("taken");
  });
  settle();
  EXPECT_THAT(events, IsEmpty());
  EXPECT_TRUE(channel.empty());
  EXPECT_EQ(channel.putters(), 1u);
  EXPECT_EQ(channel.get(), 1);
  putter->join();
  EXPECT_THAT(events, ElementsAre("taken"));
}

HUB_TEST(Channel, GivesToTheGetterThatWaitsWithoutYielding) {
  Channel<int> channel;
  EXPECT_FALSE(channel.try_put(0)) << "nobody waits";
  const auto getter = spawn([&] { return channel.get(); });
  yield();
  EXPECT_TRUE(channel.try_put(1));
  EXPECT_FALSE(channel.try_put(2));
  EXPECT_EQ(getter->get(), 1);
}

HUB_TEST(Channel, ServesPuttersInOrderOfArrival) {
  Channel<int> channel;
  std::vector<GreenletRef> putters;
  for (int i = 0; i < 3; ++i)
    putters.push_back(spawn([&, i] { channel.put(i); }));
  yield();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(channel.try_get(), i);
  EXPECT_EQ(channel.try_get(), std::nullopt);
  EXPECT_TRUE(join_all(putters));
}

HUB_TEST(Channel, ThrowsEmptyAndFullAtTheDeadline) {
  Channel<int> channel;
  EXPECT_THROW(channel.put(1, 1ms), QueueFull);
  EXPECT_THROW(channel.get(1ms), QueueEmpty);
  EXPECT_THROW(channel.put_nowait(1), QueueFull);
  EXPECT_THROW(channel.get_nowait(), QueueEmpty);
}

HUB_TEST(Channel, ItemOfAGetterThatWasKilledGoesToTheNext) {
  Channel<int> channel;
  const auto killed = spawn([&] { channel.get(); });
  yield();
  channel.put(1);
  killed->kill();
  const auto putter = spawn([&] { channel.put(2); });
  yield();
  EXPECT_EQ(channel.get(), 1);
  EXPECT_EQ(channel.get(), 2);
  putter->join();
  EXPECT_TRUE(channel.empty());
}

HUB_TEST(JoinableQueue, JoinWaitsUntilAllIsWorkedOff) {
  JoinableQueue<int> queue;
  EXPECT_TRUE(queue.join());
  queue.put(1);
  queue.put(2);
  EXPECT_FALSE(queue.join(1ms));
  const auto worker = spawn([&] {
    for (int i = 0; i < 2; ++i) {
      queue.get();
      yield();
      queue.task_done();
    }
  });
  EXPECT_EQ(queue.unfinished(), 2u);
  EXPECT_TRUE(queue.join());
  EXPECT_EQ(queue.unfinished(), 0u);
  worker->join();
}

HUB_TEST(JoinableQueue, CountsAnItemThatWentToAWaitingGetter) {
  JoinableQueue<int> queue;
  const auto worker = spawn([&] { queue.get(); });
  yield();
  queue.put(1);
  worker->join();
  EXPECT_EQ(queue.unfinished(), 1u);
  queue.task_done();
}

HUB_TEST(JoinableQueue, CountsAnItemOnceThoughItCameBackFromAKilledGetter) {
  JoinableQueue<int> queue;
  const auto killed = spawn([&] { queue.get(); });
  const auto next = spawn([&] { queue.get(); });
  yield();
  queue.put(1);
  killed->kill();
  next->get();
  EXPECT_EQ(queue.unfinished(), 1u);
  queue.task_done();
}

HUB_TEST(JoinableQueue, CountsAnItemFromWhenItIsAccepted) {
  JoinableQueue<int> queue(1);
  queue.put(1);
  const auto putter = spawn([&] { queue.put(2); });
  yield();
  EXPECT_EQ(queue.unfinished(), 1u);
  queue.get();
  EXPECT_EQ(queue.unfinished(), 2u);
  putter->join();
  queue.get();
  queue.task_done();
  queue.task_done();
}

HUB_TEST(JoinableQueue, TooManyTaskDonesAreAnError) {
  JoinableQueue<int> queue;
  EXPECT_THROW(queue.task_done(), std::logic_error);
}

HUB_TEST(JoinableQueue, MayBeOfAnyOrder) {
  JoinableQueue<int, PriorityOrder<int, std::less<>>> queue;
  queue.put(2);
  queue.put(1);
  EXPECT_EQ(queue.get(), 1);
  EXPECT_EQ(queue.unfinished(), 2u);
}

HUB_TEST(ClosedQueue, GivesWhatItHoldsAndThenTellsItsGetters) {
  Queue<int> queue;
  queue.put(1);
  queue.close();
  EXPECT_TRUE(queue.closed());
  EXPECT_THROW(queue.put(2), Closed);
  EXPECT_THROW(queue.put_nowait(2), Closed);
  EXPECT_THROW(queue.try_put(2), Closed);
  EXPECT_EQ(queue.get(), 1);
  EXPECT_THROW(queue.get(), Closed);
  EXPECT_THROW(queue.get_nowait(), Closed);
  EXPECT_EQ(queue.next(), std::nullopt);
  EXPECT_EQ(queue.try_get(), std::nullopt);
  queue.close();
}

HUB_TEST(ClosedQueue, WakesWhoWaits) {
  Queue<int> empty;
  const auto getter = spawn([&] { EXPECT_THROW(empty.get(), Closed); });
  Queue<int> full(1);
  full.put(1);
  const auto putter = spawn([&] { EXPECT_THROW(full.put(2), Closed); });
  yield();
  empty.close();
  full.close();
  getter->get();
  putter->get();
  EXPECT_EQ(full.size(), 1u);
}

HUB_TEST(ClosedQueue, ItemThatCameBackFromAKilledGetterIsStillGiven) {
  Queue<int> queue;
  const auto killed = spawn([&] { queue.get(); });
  const auto next = spawn([&] { return queue.get(); });
  yield();
  queue.put(1);
  queue.close();
  killed->kill();
  EXPECT_EQ(next->get(), 1);
}

HUB_TEST(ClosedQueue, EndsARangeFor) {
  Queue<std::unique_ptr<int>> queue;
  const auto putter = spawn([&] {
    for (int i = 0; i < 3; ++i) {
      queue.put(std::make_unique<int>(i));
      yield();
    }
    queue.close();
  });
  std::vector<int> got;
  for (const std::unique_ptr<int>& item : queue)
    got.push_back(*item);
  EXPECT_THAT(got, ElementsAre(0, 1, 2));
  putter->join();
}

}  // namespace
}  // namespace greenrt
