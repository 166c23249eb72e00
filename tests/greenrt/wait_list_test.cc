#include "greenrt/wait_list.h"

#include <vector>

#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::settle;

HUB_TEST(WaitList, WakesTheFirstOne) {
  WaitList list;
  std::vector<int> woken;
  std::vector<GreenletRef> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(spawn([&, i] {
      WaitList::Waiter waiter;
      EXPECT_TRUE(list.wait(waiter, "a test", Deadline::never()));
      EXPECT_TRUE(waiter.woken());
      woken.push_back(i);
    }));
  }
  yield();
  EXPECT_EQ(list.size(), 3u);
  EXPECT_STREQ(all[0]->waiting_for(), "a test");
  EXPECT_TRUE(list.wake_one());
  settle();
  EXPECT_THAT(woken, ElementsAre(0));
  EXPECT_EQ(list.wake_all(), 2u);
  EXPECT_TRUE(list.empty());
  EXPECT_FALSE(list.wake_one());
  join_all(all);
  EXPECT_THAT(woken, ElementsAre(0, 1, 2));
}

HUB_TEST(WaitList, WaiterLeavesAtItsDeadline) {
  WaitList list;
  WaitList::Waiter waiter;
  EXPECT_FALSE(list.wait(waiter, "a test", 1ms));
  EXPECT_FALSE(waiter.woken());
  EXPECT_TRUE(list.empty());
}

HUB_TEST(WaitList, WaiterLeavesWhenKilled) {
  WaitList list;
  const auto greenlet = spawn([&] {
    WaitList::Waiter waiter;
    list.wait(waiter, "a test", 1h);
  });
  yield();
  greenlet->kill();
  EXPECT_TRUE(list.empty());
}

HUB_TEST(WaitList, WaiterThatWasWokenAndThenKilledSaysThatItWasWoken) {
  WaitList list;
  bool woken = false;
  const auto greenlet = spawn([&] {
    WaitList::Waiter waiter;
    try {
      list.wait(waiter, "a test", Deadline::never());
    } catch (const GreenletExit&) {
      woken = waiter.woken();
    }
  });
  yield();
  list.wake_one();
  greenlet->kill();
  EXPECT_TRUE(woken);
}

HUB_TEST(WaitList, WaiterThatWasWokenAfterItsDeadlineWasNoticedOnlyByTheLoopIsWoken) {
  WaitList list;
  const auto greenlet = spawn([&] {
    WaitList::Waiter waiter;
    return list.wait(waiter, "a test", 0ms);
  });
  yield();
  testing::let_poll();  // the timer has gone off, the greenlet has not run
  EXPECT_TRUE(list.wake_one());
  EXPECT_TRUE(greenlet->get());
}

HUB_TEST(WaitList, GoesOnWaitingAfterAWakeUpWithoutAReason) {
  WaitList list;
  const auto greenlet = spawn([&] {
    WaitList::Waiter waiter;
    return list.wait(waiter, "a test", Deadline::never());
  });
  yield();
  Hub::current().schedule(*greenlet);
  settle();
  EXPECT_FALSE(greenlet->ready());
  list.wake_one();
  EXPECT_TRUE(greenlet->get());
}

HUB_TEST(WaitList, TellsAnObserverInPlaceOfAGreenlet) {
  struct Counter final : WaitList::Observer {
    void woken(WaitList::Waiter& waiter) noexcept override {
      EXPECT_TRUE(waiter.woken());
      ++told;
    }
    int told = 0;
  } observer;
  WaitList list;
  WaitList::Waiter first;
  WaitList::Waiter second;
  list.add(first, observer);
  list.add(second, observer);
  list.remove(first);
  EXPECT_EQ(list.wake_all(), 1u);
  EXPECT_EQ(observer.told, 1);
  EXPECT_FALSE(first.woken());
  list.remove(second);  // has left already
}

}  // namespace
}  // namespace greenrt
