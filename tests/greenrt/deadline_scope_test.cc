#include "greenrt/deadline_scope.h"

#include <optional>

#include "greenrt/event.h"
#include "greenrt/timeout.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;

bool expires_in(DeadlineScope& scope, const std::function<void()>& body) {
  try {
    body();
    return false;
  } catch (const TimeoutExpired& expired) {
    return scope.threw(expired);
  }
}

HUB_TEST(DeadlineScope, EndsWhateverWaitsInIt) {
  Event never;
  DeadlineScope scope(1ms);
  EXPECT_TRUE(expires_in(scope, [&] { never.wait(); }));
}

HUB_TEST(DeadlineScope, IsThrownAgainAtEveryWaitOnceItHasPassed) {
  Event never;
  DeadlineScope scope(1ms);
  EXPECT_TRUE(expires_in(scope, [&] { never.wait(); }));
  EXPECT_TRUE(expires_in(scope, [&] { never.wait(1h); }));
  EXPECT_TRUE(expires_in(scope, [] { yield(); }));
}

HUB_TEST(DeadlineScope, IsThrownAgainAlsoInAHandlerOfSomethingElse) {
  Event never;
  try {
    throw std::runtime_error("plan A");
  } catch (const std::runtime_error&) {
    DeadlineScope scope(1ms);
    EXPECT_TRUE(expires_in(scope, [&] { never.wait(); }));
    EXPECT_TRUE(expires_in(scope, [&] { never.wait(100ms); }));
    EXPECT_TRUE(expires_in(scope, [] { yield(); }));
  }
}

HUB_TEST(DeadlineScope, LetsItsHandlerCleanUp) {
  Event never;
  bool cleaned_up = false;
  {
    const DeadlineScope scope(1ms);
    try {
      never.wait();
    } catch (const TimeoutExpired&) {
      yield();
      cleaned_up = true;
    }
  }
  EXPECT_TRUE(cleaned_up);
  yield();
}

HUB_TEST(DeadlineScope, HoldsNobodyAfterItsEnd) {
  { const DeadlineScope scope(1ms); }
  sleep(3ms);
  {
    const DeadlineScope scope(0ms);
    const Shield shield;
    testing::let_poll();
  }
  yield();
}

HUB_TEST(DeadlineScope, TellsItsDeadlineToCallees) {
  EXPECT_TRUE(current_deadline().is_never());
  const Deadline outer(1h);
  const Deadline inner(1min);
  const DeadlineScope outer_scope(outer);
  EXPECT_EQ(current_deadline().time(), outer.time());
  {
    const DeadlineScope inner_scope(inner);
    EXPECT_EQ(current_deadline().time(), inner.time());
  }
  EXPECT_EQ(current_deadline().time(), outer.time());
}

HUB_TEST(DeadlineScope, NeverLastsLongerThanTheOneAround) {
  Event never;
  DeadlineScope outer(1ms);
  DeadlineScope inner(1h);
  EXPECT_LE(current_deadline().remaining(), 1ms);
  try {
    never.wait();
    FAIL() << "nothing has set the event";
  } catch (const TimeoutExpired& expired) {
    EXPECT_TRUE(outer.threw(expired));
    EXPECT_FALSE(inner.threw(expired));
  }
}

HUB_TEST(DeadlineScope, BelongsToItsGreenletAlone) {
  DeadlineScope scope(1ms);
  const auto child = spawn([] {
    EXPECT_TRUE(current_deadline().is_never());
    sleep(5ms);
    return 3;
  });
  EXPECT_TRUE(expires_in(scope, [&] { child->join(); }));
  const Shield shield;
  EXPECT_EQ(child->get(), 3);
}

HUB_TEST(DeadlineScope, OfNeverChangesNothing) {
  const DeadlineScope scope(Deadline::never());
  EXPECT_TRUE(current_deadline().is_never());
  sleep(1ms);
}

HUB_TEST(DeadlineScope, AKillGoesFirst) {
  Event never;
  const auto greenlet = spawn([&] {
    const DeadlineScope scope(0ms);
    never.wait();
  });
  yield();
  greenlet->kill_soon();
  greenlet->join();
  EXPECT_TRUE(greenlet->successful());
}

TEST(DeadlineScope, IsNotForTheHubItself) {
  Hub hub;
  EXPECT_THROW(DeadlineScope(1ms), std::logic_error);
}

}  // namespace
}  // namespace greenrt
