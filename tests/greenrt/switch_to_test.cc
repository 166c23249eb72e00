// Handing control from greenlet to greenlet by name.

#include <stdexcept>
#include <string>
#include <vector>

#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

HUB_TEST(SwitchTo, RunsTheOtherBeforeAllThatIsReady) {
  std::vector<std::string> order;
  Greenlet* const main = current();
  const auto ready = spawn([&] { order.push_back("ready"); });
  const auto other = make_greenlet([&] {
    order.push_back("other");
    switch_to(*main);
    order.push_back("other again");
    switch_to(*main);
  });
  switch_to(*other);
  order.push_back("main");
  switch_to(*other);
  EXPECT_THAT(order, ElementsAre("other", "main", "other again"));
  ready->join();
  other->kill();
}

HUB_TEST(SwitchTo, OvertakesOthersOnTheWayToAGreenletThatHasNotRunYet) {
  std::vector<std::string> order;
  Greenlet* const main = current();
  const auto first = spawn([&] { order.push_back("first"); });
  const auto second = spawn([&] {
    order.push_back("second");
    switch_to(*main);
  });
  switch_to(*second);
  EXPECT_THAT(order, ElementsAre("second"));
  second->kill();
  first->join();
}

HUB_TEST(SwitchTo, WaitsUntilItIsHandedBackWhateverWakesIt) {
  Greenlet* const main = current();
  bool handed_back = false;
  const auto other = make_greenlet([&] {
    Hub::current().schedule(*main);
    yield();
    yield();
    handed_back = true;
    switch_to(*main);
  });
  switch_to(*other);
  EXPECT_TRUE(handed_back);
  other->kill();
}

HUB_TEST(SwitchTo, TakesOnlyWhatIsNewOrWaitsInSwitchTo) {
  Event event;
  const auto waits = spawn([&] { event.wait(); });
  const auto ended = spawn([] {});
  yield();
  EXPECT_THROW(switch_to(*waits), std::logic_error);
  EXPECT_THROW(switch_to(*ended), std::logic_error);
  EXPECT_THROW(switch_to(*current()), std::logic_error);
  event.set();
  waits->join();
}

HUB_TEST(SwitchTo, GreenletThatIsKilledMeanwhileCannotBeSwitchedTo) {
  Greenlet* const main = current();
  const auto other = make_greenlet([&] { switch_to(*main); });
  switch_to(*other);
  other->kill();
  EXPECT_TRUE(other->ready());
  EXPECT_THROW(switch_to(*other), std::logic_error);
}

HUB_TEST(SwitchTo, MainFindsOutThatNobodyHandsBack) {
  const auto other = make_greenlet([] {});
  EXPECT_THROW(switch_to(*other), LoopExit);
  EXPECT_TRUE(other->ready());
}

}  // namespace
}  // namespace greenrt
