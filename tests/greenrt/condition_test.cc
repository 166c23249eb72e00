#include "greenrt/condition.h"

#include <mutex>
#include <stdexcept>
#include <vector>

#include "greenrt/greenlet.h"
#include "greenrt/timeout.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::settle;

// Waits on `condition` and then writes its number.
auto waiter(Condition& condition, std::vector<int>& woken, int number) {
  return spawn([&condition, &woken, number] {
    const std::lock_guard guard(condition.lock());
    condition.wait();
    EXPECT_TRUE(condition.lock().owned());
    woken.push_back(number);
  });
}

HUB_TEST(Condition, NotifiesInOrderOfArrival) {
  Condition condition;
  std::vector<int> woken;
  std::vector<GreenletRef> all;
  for (int i = 0; i < 4; ++i)
    all.push_back(waiter(condition, woken, i));
  yield();
  EXPECT_EQ(condition.waiting(), 4u);
  {
    const std::lock_guard guard(condition.lock());
    condition.notify();
    condition.notify(2);
  }
  settle();
  EXPECT_THAT(woken, ElementsAre(0, 1, 2));
  {
    const std::lock_guard guard(condition.lock());
    condition.notify_all();
    condition.notify();  // nobody is left: not remembered
  }
  join_all(all);
  EXPECT_EQ(woken.size(), 4u);
}

HUB_TEST(Condition, WakesItsWaitersOnlyWhenTheLockIsFree) {
  Condition condition;
  std::vector<int> woken;
  const auto greenlet = waiter(condition, woken, 1);
  yield();
  condition.lock().acquire();
  condition.notify_all();
  settle();
  EXPECT_THAT(woken, ElementsAre());
  condition.lock().release();
  greenlet->get();
}

HUB_TEST(Condition, WaitLeavesTheLockHoweverOftenItWasEntered) {
  Condition condition;
  const auto greenlet = spawn([&] {
    const std::lock_guard outer(condition.lock());
    const std::lock_guard inner(condition.lock());
    condition.wait();
    EXPECT_EQ(condition.lock().depth(), 2u);
  });
  yield();
  {
    const std::lock_guard guard(condition.lock());
    condition.notify();
  }
  greenlet->get();
}

HUB_TEST(Condition, WaitIsFalseAtTheDeadlineAndHoldsTheLockAgain) {
  Condition condition;
  const std::lock_guard guard(condition.lock());
  EXPECT_FALSE(condition.wait(1ms));
  EXPECT_TRUE(condition.lock().owned());
  EXPECT_EQ(condition.waiting(), 0u);
}

HUB_TEST(Condition, WaitForAsksItsPredicateWithTheLockHeld) {
  Condition condition;
  int jobs = 0;
  const auto greenlet = spawn([&] {
    const std::lock_guard guard(condition.lock());
    return condition.wait_for([&] {
      EXPECT_TRUE(condition.lock().owned());
      return jobs == 2;
    });
  });
  for (int i = 0; i < 2; ++i) {
    yield();
    const std::lock_guard guard(condition.lock());
    ++jobs;
    condition.notify();
  }
  EXPECT_TRUE(greenlet->get());
  const std::lock_guard guard(condition.lock());
  EXPECT_FALSE(condition.wait_for([] { return false; }, 1ms));
}

HUB_TEST(Condition, SharesALock) {
  RLock lock;
  Condition not_empty(lock);
  Condition not_full(lock);
  EXPECT_EQ(&not_empty.lock(), &not_full.lock());
}

HUB_TEST(Condition, NeedsTheLock) {
  Condition condition;
  EXPECT_THROW(condition.wait(), std::logic_error);
  EXPECT_THROW(condition.notify(), std::logic_error);
  EXPECT_THROW(condition.notify_all(), std::logic_error);
}

HUB_TEST(Condition, NotificationOfAKilledWaiterGoesToTheNextOne) {
  Condition condition;
  std::vector<int> woken;
  const auto killed = waiter(condition, woken, 1);
  const auto next = waiter(condition, woken, 2);
  yield();
  {
    const std::lock_guard guard(condition.lock());
    condition.notify();
    killed->kill_soon();
  }
  next->get();
  EXPECT_THAT(woken, ElementsAre(2));
  EXPECT_TRUE(killed->join());
  EXPECT_FALSE(condition.lock().locked());
}

HUB_TEST(Condition, KilledWaiterUnwindsWithTheLockHeld) {
  Condition condition;
  bool owned = false;
  const auto killed = spawn([&] {
    const std::lock_guard guard(condition.lock());
    try {
      condition.wait();
    } catch (const GreenletExit&) {
      owned = condition.lock().owned();
      throw;
    }
  });
  yield();
  condition.lock().acquire();
  killed->kill_soon();
  settle();
  EXPECT_FALSE(killed->ready()) << "it waits for the lock";
  condition.lock().release();
  killed->join();
  EXPECT_TRUE(owned);
}

}  // namespace
}  // namespace greenrt
