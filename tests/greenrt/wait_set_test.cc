#include "greenrt/wait_set.h"

#include <optional>
#include <stdexcept>
#include <vector>

#include "greenrt/async_result.h"
#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

HUB_TEST(WaitSet, TellsInOrderOfBecomingReady) {
  Event events[3];
  WaitSet set;
  for (Event& event : events)
    set.add(event);
  events[2].set();
  events[0].set();
  EXPECT_EQ(set.next(), 2u);
  EXPECT_EQ(set.next(), 0u);
  EXPECT_EQ(set.remaining(), 1u);
  EXPECT_EQ(set.next(1ms), std::nullopt);
  events[1].set();
  EXPECT_EQ(set.next(), 1u);
  EXPECT_EQ(set.next(), std::nullopt) << "all have been told of";
}

HUB_TEST(WaitSet, TellsFirstOfWhatWasReadyWhenItWasAdded) {
  Event later;
  Event before;
  before.set();
  WaitSet set;
  set.add(later);
  set.add(before);
  EXPECT_EQ(set.next(), 1u);
  EXPECT_EQ(set.next(0ms), std::nullopt);
}

HUB_TEST(WaitSet, WaitsForThingsOfDifferentKinds) {
  Event event;
  AsyncResult<int> result;
  const auto greenlet = spawn([&] {
    event.wait();
    result.set(1);
  });
  EXPECT_EQ(wait_any(0ms, event, result, *greenlet), std::nullopt);
  event.set();
  EXPECT_EQ(wait_any(Deadline::never(), result, *greenlet), 0u);
  EXPECT_EQ(wait_any(Deadline::never(), *greenlet), 0u);
}

HUB_TEST(WaitSet, LeavesNothingBehind) {
  Event event;
  {
    WaitSet set;
    set.add(event);
    set.add(event);
  }
  EXPECT_TRUE(event.waiters().empty());
  const auto killed = spawn([&] { wait_any(Deadline::never(), event); });
  yield();
  EXPECT_EQ(event.waiters().size(), 1u);
  killed->kill();
  EXPECT_TRUE(event.waiters().empty());
}

HUB_TEST(WaitSet, LosesNothingWhenItsGreenletIsInterrupted) {
  Event event;
  WaitSet set;
  set.add(event);
  const auto killed = spawn([&] { set.next(); });
  yield();
  event.set();
  killed->kill();
  EXPECT_EQ(set.next(), 0u);
}

HUB_TEST(WaitSet, IsToldOfGreenletsThatWereKilledBeforeTheyRan) {
  const auto unstarted = make_greenlet([] {});
  const auto started = spawn([] {});
  WaitSet set;
  set.add(*unstarted);
  set.add(*started);
  started->kill_soon();
  unstarted->kill_soon();
  EXPECT_EQ(set.next(), 1u);
  EXPECT_EQ(set.next(), 0u);
  yield();
}

}  // namespace
}  // namespace greenrt
