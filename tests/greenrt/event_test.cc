#include "greenrt/event.h"

#include <memory>
#include <vector>

#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::settle;

HUB_TEST(Event, DoesNotWaitWhenItIsSet) {
  Event event;
  EXPECT_FALSE(event.is_set());
  event.set();
  event.set();
  EXPECT_TRUE(event.is_set());
  const auto switches = Hub::current().stats().switches;
  EXPECT_TRUE(event.wait());
  EXPECT_TRUE(event.wait(0ms));
  EXPECT_EQ(Hub::current().stats().switches, switches);
}

HUB_TEST(Event, WakesEverybodyInOrderOfArrival) {
  Event event;
  std::vector<int> order;
  std::vector<GreenletRef> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(spawn([&, i] {
      EXPECT_TRUE(event.wait());
      order.push_back(i);
    }));
  }
  yield();
  event.set();
  join_all(all);
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3));
}

HUB_TEST(Event, WaitIsFalseAtTheDeadline) {
  Event event;
  EXPECT_FALSE(event.wait(1ms));
  EXPECT_FALSE(event.wait(0ms));
  EXPECT_FALSE(event.wait(-1ms));
}

HUB_TEST(Event, WaitIsTrueWhenSetDuringTheWaitEvenIfClearedSince) {
  Event event;
  const auto waiter = spawn([&] { return event.wait(1h); });
  yield();
  event.set();
  event.clear();
  EXPECT_TRUE(waiter->get());
}

HUB_TEST(Event, CanBeWaitedForAgainAfterClear) {
  Event event;
  event.set();
  event.clear();
  EXPECT_FALSE(event.wait(0ms));
}

HUB_TEST(Event, KilledWaiterLeavesTheOthersAlone) {
  Event event;
  const auto first = spawn([&] { event.wait(); });
  const auto second = spawn([&] { return event.wait(); });
  yield();
  first->kill();
  event.set();
  EXPECT_TRUE(second->get());
}

HUB_TEST(Event, MayBeDestroyedOnceItIsSet) {
  auto event = std::make_unique<Event>();
  const auto waiter = spawn([&] { return event->wait(1h); });
  yield();
  event->set();
  event.reset();
  EXPECT_TRUE(waiter->get());
}

}  // namespace
}  // namespace greenrt
