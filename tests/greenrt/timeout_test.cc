#include "greenrt/timeout.h"

#include <stdexcept>
#include <string>

#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "greenrt/semaphore.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using testing::let_poll;
using testing::settle;

HUB_TEST(Timeout, ThrowsAtTheWait) {
  Event never;
  Timeout timeout(1ms);
  EXPECT_TRUE(timeout.pending());
  try {
    never.wait();
    FAIL();
  } catch (const TimeoutExpired& expired) {
    EXPECT_TRUE(timeout.threw(expired));
  }
  EXPECT_FALSE(timeout.pending());
  yield();  // and only once
}

HUB_TEST(Timeout, ZeroAndNegativeGoOffAtTheNextPass) {
  Event never;
  for (const auto duration : {0ms, -5ms, -1'000'000'000ms}) {
    const Timeout timeout(duration);
    EXPECT_THROW(never.wait(), TimeoutExpired);
  }
}

HUB_TEST(Timeout, ThatIsNeverArmsNothing) {
  Event never;
  const Timeout timeout(Deadline::never());
  EXPECT_FALSE(timeout.pending());
  EXPECT_THROW(never.wait(), LoopExit);
}

HUB_TEST(Timeout, IsDisarmedByTheEndOfItsScope) {
  { const Timeout timeout(0ms); }
  let_poll();
  settle();
}

HUB_TEST(Timeout, IsDisarmedByCancel) {
  Timeout timeout(0ms);
  timeout.cancel();
  timeout.cancel();
  EXPECT_FALSE(timeout.pending());
  let_poll();
  settle();
}

HUB_TEST(Timeout, ThatWentOffWhileItsGreenletLeftTheScopeIsTakenBack) {
  bool interrupted = false;
  {
    const Shield shield;  // keeps it undelivered
    const Timeout timeout(0ms);
    let_poll();
    EXPECT_FALSE(timeout.pending());
  }
  try {
    settle();
  } catch (const TimeoutExpired&) {
    interrupted = true;
  }
  EXPECT_FALSE(interrupted);
}

HUB_TEST(Timeout, InnerOneGoesOffInsideOuterOne) {
  Event never;
  Timeout outer(1h);
  Timeout inner(1ms);
  try {
    never.wait();
    FAIL();
  } catch (const TimeoutExpired& expired) {
    EXPECT_TRUE(inner.threw(expired));
    EXPECT_FALSE(outer.threw(expired));
  }
  EXPECT_TRUE(outer.pending());
}

HUB_TEST(Timeout, OuterOneGoesThroughTheHandlerOfTheInnerOne) {
  Event never;
  std::string caught;
  Timeout outer(1ms);
  try {
    Timeout inner(1h);
    try {
      never.wait();
    } catch (const TimeoutExpired& expired) {
      if (!inner.threw(expired)) throw;
      caught = "inner";
    }
  } catch (const TimeoutExpired& expired) {
    if (outer.threw(expired)) caught = "outer";
  }
  EXPECT_EQ(caught, "outer");
}

HUB_TEST(Timeout, IsNotLostBehindAnotherOneThatWentOffBefore) {
  const Timeout one(0ms);
  const Timeout other(0ms);
  {
    const Shield shield;
    let_poll();
  }
  EXPECT_THROW(yield(), TimeoutExpired);
  EXPECT_THROW(yield(), TimeoutExpired);
  yield();
}

HUB_TEST(Timeout, OfAnOuterScopeStillEndsAWaitAfterTheInnerOneWasHandled) {
  Event never;
  bool ended_by_outer = false;
  Timeout outer(0ms);
  try {
    with_timeout(
        0ms, [&] { return never.wait(); }, false);
    never.wait();
  } catch (const TimeoutExpired& expired) {
    ended_by_outer = outer.threw(expired);
  }
  EXPECT_TRUE(ended_by_outer);
}

HUB_TEST(Timeout, ThrowsItsOwnException) {
  Event never;
  const Timeout timeout(1ms, std::make_exception_ptr(std::runtime_error("too slow")));
  EXPECT_THROW(never.wait(), std::runtime_error);
}

HUB_TEST(Timeout, IsNotCaughtAsAStdException) {
  Event never;
  const Timeout timeout(1ms);
  bool swallowed = false;
  try {
    try {
      never.wait();
    } catch (const std::exception&) {
      swallowed = true;
    }
  } catch (const TimeoutExpired&) {
  }
  EXPECT_FALSE(swallowed);
}

HUB_TEST(Timeout, BelongsToTheGreenletThatMadeIt) {
  Event release;
  const auto other = spawn([&] { return release.wait(); });
  Timeout timeout(1ms);
  EXPECT_THROW(other->join(), TimeoutExpired);
  release.set();
  EXPECT_TRUE(other->get());
}

TEST(Timeout, NeedsAGreenlet) {
  const Hub hub;
  EXPECT_THROW(Timeout(1ms), std::logic_error);
}

HUB_TEST(WithTimeout, ReturnsTheValueOfTheBody) {
  EXPECT_EQ(with_timeout(
                1h, [] { return 7; }, -1),
            7);
}

HUB_TEST(WithTimeout, ReturnsTheFallbackWhenItsOwnDeadlinePassed) {
  Event never;
  const auto body = [&] {
    never.wait();
    return 7;
  };
  EXPECT_EQ(with_timeout(1ms, body, -1), -1);
}

HUB_TEST(WithTimeout, PassesOnTheTimeoutOfSomebodyElse) {
  Event never;
  Timeout outer(1ms);
  const auto body = [&] {
    never.wait();
    return 7;
  };
  bool passed_on = false;
  try {
    with_timeout(1h, body, -1);
  } catch (const TimeoutExpired& expired) {
    passed_on = outer.threw(expired);
  }
  EXPECT_TRUE(passed_on);
}

HUB_TEST(WithTimeout, PassesOnTheDeadlineOfACallInside) {
  const auto slow = spawn([] { sleep(1h); });
  const auto body = [&] {
    slow->get(1ms);
    return 7;
  };
  EXPECT_THROW(with_timeout(1h, body, -1), TimeoutExpired);
  slow->kill();
}

HUB_TEST(Timeout, CanBeArmedAgain) {
  Event never;
  Timeout timeout(1h);
  timeout.restart(1ms);
  EXPECT_THROW(never.wait(), TimeoutExpired);
  EXPECT_FALSE(timeout.pending());
  timeout.restart(1ms);
  EXPECT_THROW(never.wait(), TimeoutExpired);
  timeout.restart(1h);
  EXPECT_TRUE(timeout.pending());
  timeout.restart(Deadline::never());
  EXPECT_FALSE(timeout.pending());
}

HUB_TEST(WithTimeout, WithoutAFallbackSaysWhetherTheBodyCameToItsEnd) {
  Event never;
  EXPECT_EQ(with_timeout(1h, [] { return 1; }), 1);
  EXPECT_EQ(with_timeout(1ms,
                         [&] {
                           never.wait();
                           return 1;
                         }),
            std::nullopt);
  EXPECT_TRUE(with_timeout(1h, [] {}));
  EXPECT_FALSE(with_timeout(1ms, [&] { never.wait(); }));
}

HUB_TEST(WithTimeout, WithoutAFallbackLetsTheTimeoutsOfOthersPass) {
  Event never;
  const Timeout outer(1ms);
  EXPECT_THROW(with_timeout(1h, [&] { never.wait(); }), TimeoutExpired);
}

}  // namespace
}  // namespace greenrt
