#include "greenrt/greenlet.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "greenrt/event.h"
#include "greenrt/semaphore.h"
#include "greenrt/timeout.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::settle;
using testing::take_errors;

std::exception_ptr failure(const char* what) {
  return std::make_exception_ptr(std::runtime_error(what));
}

HUB_TEST(Greenlet, RunsNoEarlierThanTheNextSwitchOfItsStarter) {
  bool ran = false;
  const auto greenlet = spawn([&] { ran = true; });
  EXPECT_FALSE(ran);
  EXPECT_TRUE(greenlet->started());
  EXPECT_FALSE(greenlet->ready());
  yield();
  EXPECT_TRUE(ran);
  EXPECT_TRUE(greenlet->ready());
  EXPECT_FALSE(greenlet->started());
}

HUB_TEST(Greenlet, IsNeitherStartedNorReadyBeforeStart) {
  const auto greenlet = make_greenlet([] {});
  settle();
  EXPECT_FALSE(greenlet->started());
  EXPECT_FALSE(greenlet->ready());
  EXPECT_FALSE(greenlet->successful());
  EXPECT_FALSE(greenlet->failed());
  EXPECT_FALSE(greenlet->join(0ms));
}

HUB_TEST(Greenlet, StartsOnce) {
  int runs = 0;
  const auto greenlet = make_greenlet([&] { ++runs; });
  greenlet->start();
  greenlet->start();
  greenlet->join();
  greenlet->start();
  settle();
  EXPECT_EQ(runs, 1);
}

HUB_TEST(Greenlet, TakesItsArgumentsByValue) {
  std::string text = "before";
  const auto greenlet =
      spawn([](const std::string& its, std::unique_ptr<int> number) { return its + std::to_string(*number); }, text,
            std::make_unique<int>(7));
  text = "after";
  EXPECT_EQ(greenlet->get(), "before7");
}

HUB_TEST(Greenlet, KeepsItsValue) {
  const auto greenlet = spawn([] { return std::string("value"); });
  EXPECT_FALSE(greenlet->has_value());
  EXPECT_TRUE(greenlet->join());
  EXPECT_TRUE(greenlet->successful());
  EXPECT_EQ(greenlet->value(), "value");
  EXPECT_EQ(greenlet->get(), "value");
  EXPECT_EQ(greenlet->exception(), nullptr);
}

HUB_TEST(Greenlet, FailureIsStoredReportedOnceAndRethrownByEachGet) {
  const auto greenlet = spawn([]() -> int { throw std::runtime_error("broken"); });
  greenlet->set_name("worker");
  EXPECT_TRUE(greenlet->join());
  EXPECT_TRUE(greenlet->failed());
  EXPECT_FALSE(greenlet->successful());
  EXPECT_FALSE(greenlet->has_value());
  EXPECT_THROW(greenlet->get(), std::runtime_error);
  EXPECT_THROW(greenlet->get(), std::runtime_error);
  EXPECT_THAT(take_errors(), ElementsAre("worker: broken"));
}

HUB_TEST(Greenlet, GetThrowsTimeoutExpiredAtItsDeadline) {
  Event release;
  const auto greenlet = spawn([&] { release.wait(); });
  try {
    greenlet->get(1ms);
    FAIL();
  } catch (const TimeoutExpired& expired) {
    EXPECT_EQ(expired.timeout_id(), 0u);
  }
  release.set();
  greenlet->get();
}

HUB_TEST(Greenlet, JoinSwallowsItsOwnDeadlineOnly) {
  Event release;
  const auto greenlet = spawn([&] { release.wait(); });
  EXPECT_FALSE(greenlet->join(1ms));

  Timeout timeout(1ms);
  bool thrown = false;
  try {
    greenlet->join(1h);
  } catch (const TimeoutExpired& expired) {
    thrown = timeout.threw(expired);
  }
  EXPECT_TRUE(thrown);
  release.set();
  greenlet->join();
}

HUB_TEST(Greenlet, AllWhoJoinAreWokenInOrder) {
  std::vector<int> order;
  Event release;
  const auto greenlet = spawn([&] { release.wait(); });
  std::vector<GreenletRef> joiners;
  for (int i = 0; i < 3; ++i) {
    joiners.push_back(spawn([&, i] {
      greenlet->join();
      order.push_back(i);
    }));
  }
  yield();
  release.set();
  EXPECT_TRUE(join_all(joiners));
  EXPECT_THAT(order, ElementsAre(0, 1, 2));
}

HUB_TEST(Greenlet, CanBeJoinedByOneThatHoldsNoReference) {
  Event release;
  bool joined = false;
  spawn([&] {
    spawn([&joined, spawner = current()] { joined = spawner->join(); });
    release.wait();
  });
  settle();
  release.set();
  settle();
  EXPECT_TRUE(joined);
}

HUB_TEST(Greenlet, CannotWaitForItsOwnEnd) {
  const auto greenlet = spawn([] { EXPECT_THROW(current()->join(), std::logic_error); });
  greenlet->join();
}

HUB_TEST(Greenlet, RunsToItsEndThoughNobodyRefersToIt) {
  Event ended;
  spawn([&] {
    yield();
    ended.set();
  });
  EXPECT_TRUE(ended.wait());
  settle();
}

HUB_TEST(Greenlet, CapturedStateGoesWithTheBodyNotWithTheLastReference) {
  auto state = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = state;
  const auto greenlet = spawn([state = std::move(state)] { yield(); });
  yield();
  EXPECT_FALSE(watch.expired());
  greenlet->join();
  EXPECT_TRUE(watch.expired());
}

HUB_TEST(Greenlet, CapturedStateGoesAtOnceWhenKilledBeforeTheFirstTurn) {
  auto state = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = state;
  const auto greenlet = spawn([state = std::move(state)] {});
  greenlet->kill();
  EXPECT_TRUE(watch.expired());
  settle();
}

HUB_TEST(Greenlet, NamesAreUniqueUnlessSet) {
  const auto one = make_greenlet([] {});
  const auto two = make_greenlet([] {});
  EXPECT_THAT(one->name(), HasSubstr("Greenlet-"));
  EXPECT_NE(one->name(), two->name());
  two->set_name("sender");
  EXPECT_EQ(two->name(), "sender");
  EXPECT_EQ(current()->name(), "main");
}

HUB_TEST(Greenlet, TellsWhatItWaitsFor) {
  Event event;
  const auto greenlet = spawn([&] { event.wait(); });
  EXPECT_EQ(greenlet->waiting_for(), nullptr);
  yield();
  EXPECT_STREQ(greenlet->waiting_for(), "Event");
  event.set();
  greenlet->join();
  EXPECT_EQ(greenlet->waiting_for(), nullptr);
}

TEST(Greenlet, ThereIsNoCurrentOneOutsideOfAHub) {
  EXPECT_EQ(current(), nullptr);
  const Hub hub;
  EXPECT_EQ(current(), nullptr);
}

TEST(Greenlet, CannotBeStartedWithoutAHub) {
  EXPECT_THROW(spawn([] {}), std::logic_error);
}

// Kill

HUB_TEST(Kill, OfAnUnstartedGreenletEndsItWithoutRunningAndFiresItsLinks) {
  bool ran = false;
  bool linked = false;
  const auto greenlet = make_greenlet([&] { ran = true; });
  greenlet->rawlink([&](Greenlet& ended) { linked = ended.successful(); });
  greenlet->kill();
  EXPECT_TRUE(greenlet->ready());
  EXPECT_TRUE(greenlet->successful());
  greenlet->start();
  settle();
  EXPECT_FALSE(ran);
  EXPECT_TRUE(linked);
}

HUB_TEST(Kill, OfAStartedGreenletBeforeItsFirstTurnEndsItWithoutRunningAndFiresItsLinks) {
  bool ran = false;
  bool linked = false;
  const auto greenlet = spawn([&] { ran = true; });
  greenlet->rawlink([&](Greenlet&) { linked = true; });
  greenlet->kill();
  EXPECT_TRUE(greenlet->ready());
  settle();
  EXPECT_FALSE(ran);
  EXPECT_TRUE(linked);
}

HUB_TEST(Kill, ThrowsAtTheWaitOfARunningGreenletAndWaitsForItsEnd) {
  Event never;
  bool unwound = false;
  const auto greenlet = spawn([&] {
    try {
      never.wait();
    } catch (const GreenletExit&) {
      yield();
      unwound = true;
      throw;
    }
  });
  yield();
  greenlet->kill();
  EXPECT_TRUE(unwound);
  EXPECT_TRUE(greenlet->ready());
}

HUB_TEST(Kill, ByGreenletExitIsASuccess) {
  Event never;
  const auto greenlet = spawn([&] {
    never.wait();
    return 1;
  });
  yield();
  greenlet->kill();
  EXPECT_TRUE(greenlet->successful());
  EXPECT_FALSE(greenlet->has_value());
  EXPECT_THROW(std::rethrow_exception(greenlet->exception()), GreenletExit);
  EXPECT_THROW(greenlet->get(), GreenletExit);
}

HUB_TEST(Kill, ByAnotherExceptionIsAFailure) {
  Event never;
  const auto greenlet = spawn([&] { never.wait(); });
  yield();
  greenlet->kill(failure("stop"));
  EXPECT_TRUE(greenlet->failed());
  EXPECT_THROW(greenlet->get(), std::runtime_error);
  EXPECT_THAT(take_errors(), ElementsAre(HasSubstr("stop")));
}

HUB_TEST(Kill, OfAnEndedGreenletDoesNothing) {
  const auto greenlet = spawn([] { return 3; });
  greenlet->join();
  greenlet->kill(failure("late"));
  EXPECT_EQ(greenlet->get(), 3);
  EXPECT_EQ(greenlet->exception(), nullptr);
}

HUB_TEST(Kill, OfOneselfThrowsAtOnce) {
  bool after = false;
  const auto greenlet = spawn([&] {
    current()->kill();
    after = true;
  });
  greenlet->join();
  EXPECT_FALSE(after);
  EXPECT_TRUE(greenlet->successful());
}

HUB_TEST(Kill, IsIdempotent) {
  Event never;
  int exits = 0;
  const auto greenlet = spawn([&] {
    try {
      never.wait();
    } catch (const GreenletExit&) {
      ++exits;
      yield();  // a second GreenletExit would be thrown here
      ++exits;
    }
  });
  yield();
  greenlet->kill_soon();
  greenlet->kill_soon();
  greenlet->join();
  EXPECT_EQ(exits, 2);
  EXPECT_EQ(greenlet->exception(), nullptr);
}

HUB_TEST(Kill, IsThrownAgainAtTheNextWaitWhenItWasSwallowed) {
  Event never;
  std::vector<std::string> steps;
  const auto greenlet = spawn([&] {
    try {
      never.wait();
    } catch (const GreenletExit&) {
      steps.push_back("swallowed");
    }
    never.wait();
    steps.push_back("went on");
  });
  yield();
  EXPECT_FALSE(greenlet->killed());
  greenlet->kill_soon();
  EXPECT_TRUE(greenlet->killed());
  greenlet->join();
  EXPECT_THAT(steps, ElementsAre("swallowed"));
  EXPECT_TRUE(greenlet->successful());
  EXPECT_FALSE(greenlet->killed());
  EXPECT_EQ(Hub::current().stats().kills_swallowed, 1u);
}

HUB_TEST(Kill, IsThrownAgainAlsoWhereItWasSwallowedInTheHandlerOfSomethingElse) {
  Event never;
  int swallowed = 0;
  const auto greenlet = spawn([&] {
    try {
      throw std::runtime_error("plan A");
    } catch (const std::runtime_error&) {
      while (swallowed < 3) {
        try {
          never.wait();
        } catch (const GreenletExit&) {
          ++swallowed;
          yield();  // for clean-up, as in any handler of its own
        }
      }
    }
  });
  yield();
  greenlet->kill_soon();
  EXPECT_TRUE(greenlet->join(100ms));
  EXPECT_EQ(swallowed, 3);
  EXPECT_EQ(Hub::current().stats().kills_swallowed, 2u);
  greenlet->kill();
}

HUB_TEST(Kill, LetsTheCleanUpOfTheHandlerThatItBreaksOffWait) {
  Event never;
  bool cleaned_up = false;
  const auto greenlet = spawn([&] {
    try {
      try {
        throw std::runtime_error("first");
      } catch (const std::runtime_error&) {
        never.wait();
      }
    } catch (const GreenletExit&) {
      try {
        throw std::runtime_error("second");  // where the first was
      } catch (const std::runtime_error&) {
        yield();
        cleaned_up = true;
      }
      throw;
    }
  });
  yield();
  greenlet->kill();
  EXPECT_TRUE(cleaned_up);
  EXPECT_EQ(Hub::current().stats().kills_swallowed, 0u);
}

HUB_TEST(Kill, ASecondOneLetsTheHandlerOfItsOwnWait) {
  Event never;
  bool cleaned_up = false;
  const auto greenlet = spawn([&] {
    try {
      never.wait();
    } catch (const GreenletExit&) {
      try {
        never.wait();
      } catch (const GreenletExit&) {
        yield();
        yield();
        cleaned_up = true;
        throw;
      }
    }
  });
  yield();
  greenlet->kill_soon();
  yield();
  greenlet->kill();
  EXPECT_TRUE(cleaned_up);
}

HUB_TEST(Kill, LetsItsHandlerWaitAndIsThrownOnAfterwards) {
  Event never;
  bool cleaned_up = false;
  const auto greenlet = spawn([&] {
    try {
      never.wait();
    } catch (const GreenletExit&) {
      sleep(1ms);
      yield();
      cleaned_up = true;
      throw;
    }
  });
  yield();
  greenlet->kill();
  EXPECT_TRUE(cleaned_up);
  EXPECT_EQ(Hub::current().stats().kills_swallowed, 0u);
}

HUB_TEST(Kill, OfALoopThatSwallowsEverythingHoldsUpNobody) {
  Event never;
  bool enough = false;
  int swallowed = 0;
  const auto stubborn = spawn([&] {
    while (!enough) {
      try {
        never.wait();
      } catch (...) {
        ++swallowed;
      }
    }
  });
  yield();
  stubborn->kill_soon();
  for (int turn = 0; turn < 10; ++turn)
    yield();
  sleep(1ms);
  enough = true;
  stubborn->join();
  EXPECT_GT(swallowed, 5);
  EXPECT_EQ(Hub::current().stats().kills_swallowed, static_cast<std::uint64_t>(swallowed) - 1);
}

HUB_TEST(Kill, ASecondOneBreaksOffTheCleanUpOfTheFirst) {
  Event never;
  std::vector<std::string> steps;
  const auto greenlet = spawn([&] {
    try {
      never.wait();
    } catch (const GreenletExit&) {
      try {
        never.wait();
      } catch (const GreenletExit&) {
        steps.push_back("broken off");
        throw;
      }
    }
  });
  yield();
  greenlet->kill_soon();
  yield();
  greenlet->kill();
  EXPECT_THAT(steps, ElementsAre("broken off"));
}

HUB_TEST(Kill, WithAnotherExceptionMayBeCaughtAndThenTheGreenletGoesOn) {
  Event never;
  Event release;
  const auto greenlet = spawn([&] {
    try {
      never.wait();
    } catch (const std::runtime_error&) {
    }
    release.wait();
    return 5;
  });
  yield();
  greenlet->kill_soon(std::make_exception_ptr(std::runtime_error("enough")));
  EXPECT_FALSE(greenlet->killed());
  yield();
  release.set();
  EXPECT_EQ(greenlet->get(), 5);
}

HUB_TEST(Kill, IsNotCaughtAsAStdException) {
  Event never;
  bool swallowed = false;
  const auto greenlet = spawn([&] {
    try {
      never.wait();
    } catch (const std::exception&) {
      swallowed = true;
    }
  });
  yield();
  greenlet->kill();
  EXPECT_FALSE(swallowed);
}

HUB_TEST(Kill, GoesBeforeATimeoutThatWentOffInTheSamePass) {
  Event never;
  const char* first = nullptr;
  const auto greenlet = spawn([&] {
    const Timeout timeout(0ms);
    try {
      never.wait();
    } catch (const Unwind& unwind) {
      first = unwind.what();
    }
  });
  yield();
  testing::let_poll();
  greenlet->kill();
  EXPECT_STREQ(first, "GreenletExit");
}

HUB_TEST(Kill, FromACallbackOfTheHubMustNotWait) {
  Event never;
  const auto greenlet = spawn([&] { never.wait(); });
  yield();
  Hub::current().run_callback([greenlet] { greenlet->kill_soon(); });
  greenlet->join();
  EXPECT_TRUE(greenlet->successful());
}

HUB_TEST(Kill, AllEndsUnstartedAndRunningOnes) {
  Event never;
  bool ran = false;
  std::vector<GreenletRef> all;
  all.push_back(spawn([&] { never.wait(); }));
  yield();
  all.push_back(spawn([&] { ran = true; }));
  all.push_back(make_greenlet([&] { ran = true; }));
  kill_all(all);
  for (const GreenletRef& each : all)
    EXPECT_TRUE(each->successful());
  EXPECT_FALSE(ran);
  settle();
}

HUB_TEST(Kill, AllThrowsTimeoutExpiredWhenOneDoesNotEnd) {
  Event never;
  Event release;
  const auto stubborn = spawn([&] {
    try {
      never.wait();
    } catch (const GreenletExit&) {
      release.wait();
    }
  });
  yield();
  EXPECT_THROW(kill_all({stubborn}, 1ms), TimeoutExpired);
  release.set();
  stubborn->join();
}

HUB_TEST(JoinAll, IsTrueOnceAllHaveEnded) {
  Event release;
  std::vector<GreenletRef> all;
  for (int i = 0; i < 3; ++i)
    all.push_back(spawn([&] { release.wait(); }));
  EXPECT_FALSE(join_all(all, 1ms));
  release.set();
  EXPECT_TRUE(join_all(all, 1h));
  EXPECT_TRUE(join_all({}));
}

// Exceptions and unwinding

struct WaitsWhenDestroyed {
  Event& event;
  bool& done;
  ~WaitsWhenDestroyed() {
    event.wait();
    done = true;
  }
};

HUB_TEST(Kill, IsDeferredWhileAnotherExceptionUnwinds) {
  Event never;
  Event release;
  bool cleaned = false;
  const auto greenlet = spawn([&] {
    const WaitsWhenDestroyed cleanup{release, cleaned};
    never.wait();
  });
  yield();
  greenlet->kill(failure("first"), 0ms);
  EXPECT_FALSE(cleaned);
  greenlet->kill_soon();
  settle();
  EXPECT_FALSE(cleaned);
  EXPECT_GT(Hub::current().stats().kills_deferred, 0u);
  release.set();
  greenlet->join();
  EXPECT_TRUE(cleaned);
  EXPECT_TRUE(greenlet->failed());
  take_errors();
}

HUB_TEST(Kill, DeferredByAnUnwindingIsThrownAtTheNextYield) {
  Event never;
  Event release;
  bool cleaned = false;
  bool after = false;
  auto greenlet = spawn([&] {
    try {
      const WaitsWhenDestroyed cleanup{release, cleaned};
      never.wait();
    } catch (const std::runtime_error&) {
    }
    yield();
    after = true;
  });
  yield();
  greenlet->kill(failure("first"), 0ms);
  greenlet->kill_soon();
  release.set();
  greenlet->join();
  EXPECT_TRUE(cleaned);
  EXPECT_FALSE(after);
  EXPECT_TRUE(greenlet->successful());
  greenlet = nullptr;
  settle();  // it must not stand in the ready queue any more
}

HUB_TEST(Shield, DefersWhatIsThrownUntilItsEnd) {
  Event release;
  Event never;
  bool shielded_part_done = false;
  bool after = false;
  const auto greenlet = spawn([&] {
    {
      const Shield shield;
      release.wait();
      shielded_part_done = true;
    }
    never.wait();
    after = true;
  });
  yield();
  greenlet->kill(0ms);
  EXPECT_FALSE(greenlet->ready());
  release.set();
  greenlet->join();
  EXPECT_TRUE(shielded_part_done);
  EXPECT_FALSE(after);
  EXPECT_TRUE(greenlet->successful());
}

HUB_TEST(Shield, CountsWhatItDefersOnce) {
  Event never;
  const auto greenlet = spawn([&] {
    const Shield shield;
    for (int turn = 0; turn < 10; ++turn)
      yield();
  });
  yield();
  greenlet->kill();
  EXPECT_EQ(Hub::current().stats().kills_deferred, 1u);
}

HUB_TEST(Kill, IsNotDeferredByTheUnwindingThatItBegan) {
  Event never;
  Event release;
  bool cleaned = false;
  const auto greenlet = spawn([&] {
    const WaitsWhenDestroyed cleanup{release, cleaned};
    never.wait();
  });
  yield();
  greenlet->kill_soon();
  testing::settle();
  release.set();
  greenlet->join();
  EXPECT_TRUE(cleaned);
  EXPECT_EQ(Hub::current().stats().kills_deferred, 0u);
}

HUB_TEST(Shield, NestsAndLetsTimeoutsOfItsScopeBeCancelled) {
  Event release;
  const auto opener = spawn([&] {
    testing::let_poll();
    release.set();
  });
  {
    const Shield outer;
    {
      const Shield inner;
      const Timeout timeout(0ms);
      EXPECT_TRUE(release.wait());
    }
  }
  yield();  // nothing is left to be thrown
  opener->join();
}

// Links

HUB_TEST(Link, RunsInAGreenletOfItsOwnAfterTheEnd) {
  const auto greenlet = spawn([] { return 1; });
  Event called;
  greenlet->link([&](Greenlet& ended) {
    EXPECT_EQ(&ended, greenlet.get());
    EXPECT_TRUE(ended.ready());
    EXPECT_NE(current(), nullptr);
    yield();
    called.set();
  });
  EXPECT_TRUE(called.wait());
  settle();
}

HUB_TEST(Link, RawRunsOnTheHub) {
  const auto greenlet = spawn([] {});
  bool called = false;
  greenlet->rawlink([&](Greenlet&) {
    called = true;
    EXPECT_EQ(current(), nullptr);
    EXPECT_THROW(yield(), std::logic_error);
  });
  greenlet->join();
  settle();
  EXPECT_TRUE(called);
}

HUB_TEST(Link, FiresInOrderOfLinking) {
  std::vector<int> order;
  const auto greenlet = spawn([] {});
  for (int i = 0; i < 4; ++i)
    greenlet->rawlink([&order, i](Greenlet&) { order.push_back(i); });
  greenlet->join();
  settle();
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3));
}

HUB_TEST(Link, AfterTheEndStillFires) {
  const auto greenlet = spawn([] {});
  greenlet->join();
  int calls = 0;
  greenlet->link([&](Greenlet&) { ++calls; });
  greenlet->rawlink([&](Greenlet&) { ++calls; });
  EXPECT_EQ(calls, 0);
  settle();
  EXPECT_EQ(calls, 2);
}

TEST(Link, AfterTheEndFiresInTheHubThatIsThereNow) {
  GreenletRef greenlet;
  {
    Hub hub;
    hub.run([&] { greenlet = spawn([] {}); });
  }
  bool called = false;
  EXPECT_THROW(greenlet->rawlink([](Greenlet&) {}), std::logic_error) << "there is none";
  testing::run_in_hub([&] {
    greenlet->rawlink([&](Greenlet&) { called = true; });
    settle();
  });
  EXPECT_TRUE(called);
}

HUB_TEST(Link, IsTakenBackByUnlink) {
  int calls = 0;
  const auto greenlet = spawn([] {});
  const auto first = greenlet->rawlink([&](Greenlet&) { calls += 1; });
  greenlet->rawlink([&](Greenlet&) { calls += 10; });
  greenlet->unlink(first);
  greenlet->join();
  settle();
  EXPECT_EQ(calls, 10);
  greenlet->rawlink([&](Greenlet&) { calls += 100; });
  greenlet->unlink_all();
  settle();
  EXPECT_EQ(calls, 10);
}

HUB_TEST(Link, MayBeAddedAndRemovedByALink) {
  std::vector<std::string> calls;
  const auto greenlet = spawn([] {});
  Greenlet::LinkId removed = 0;
  greenlet->rawlink([&](Greenlet& ended) {
    calls.emplace_back("first");
    ended.unlink(removed);
    ended.rawlink([&](Greenlet&) { calls.emplace_back("added"); });
  });
  removed = greenlet->rawlink([&](Greenlet&) { calls.emplace_back("removed"); });
  greenlet->join();
  settle();
  EXPECT_THAT(calls, ElementsAre("first", "added"));
}

HUB_TEST(Link, ErrorIsReportedAndTheOthersStillRun) {
  bool called = false;
  const auto greenlet = spawn([] {});
  greenlet->rawlink([](Greenlet&) { throw std::runtime_error("raw"); });
  greenlet->link([](Greenlet&) { throw std::runtime_error("cooked"); });
  greenlet->rawlink([&](Greenlet&) { called = true; });
  greenlet->join();
  settle();
  EXPECT_TRUE(called);
  EXPECT_THAT(take_errors(), ElementsAre("link: raw", HasSubstr("cooked")));
}

HUB_TEST(Link, ValueFiresOnSuccessOnlyAndExceptionOnFailureOnly) {
  std::vector<std::string> calls;
  const auto watch = [&](const GreenletRef& greenlet, const std::string& name) {
    greenlet->link_value([&calls, name](Greenlet&) { calls.push_back(name + " value"); });
    greenlet->link_exception([&calls, name](Greenlet&) { calls.push_back(name + " exception"); });
  };
  const auto good = spawn([] {});
  const auto bad = spawn([] { throw std::runtime_error("bad"); });
  const auto killed = spawn([] {});
  watch(good, "good");
  watch(bad, "bad");
  watch(killed, "killed");
  killed->kill();
  settle();
  EXPECT_THAT(calls, ::testing::UnorderedElementsAre("good value", "bad exception", "killed value"));
  EXPECT_THAT(take_errors(), ElementsAre(HasSubstr("bad")));
}

HUB_TEST(Link, KeepsTheGreenletUntilItHasFired) {
  bool called = false;
  spawn([] {})->rawlink([&](Greenlet& ended) { called = ended.ready(); });
  settle();
  EXPECT_TRUE(called);
}

// Limits

HUB_TEST_WITH(TooManyGreenlets, IsThrownAtTheCapBeforeAnythingIsTaken, HubOptions{.max_greenlets = 3}) {
  Hub& hub = Hub::current();
  Event release;
  std::vector<GreenletRef> all;
  while (hub.has_room())
    all.push_back(spawn([&] { release.wait(); }));
  EXPECT_EQ(hub.stats().greenlets, 3u);
  EXPECT_EQ(all.size(), 2u);

  auto argument = std::make_unique<int>(1);
  EXPECT_THROW(spawn([](const std::unique_ptr<int>&) {}, std::move(argument)), TooManyGreenlets);
  EXPECT_NE(argument, nullptr);
  EXPECT_EQ(hub.stats().spawned, 3u);

  const auto later = make_greenlet([] { return 1; });
  EXPECT_THROW(later->start(), TooManyGreenlets);
  EXPECT_FALSE(later->started());

  release.set();
  join_all(all);
  later->start();
  EXPECT_EQ(later->get(), 1);
}

HUB_TEST(Greenlet, SpawnedLaterRunsAfterAWhile) {
  const auto start = Clock::now();
  const auto greenlet = spawn_later(
      5ms, [](int number) { return number + 1; }, 1);
  EXPECT_EQ(greenlet->get(), 2);
  EXPECT_GE(Clock::now() - start, 5ms);
}

HUB_TEST(Greenlet, SpawnedLaterAndKilledBeforeNeverRuns) {
  bool ran = false;
  const auto greenlet = spawn_later(1h, [&] { ran = true; });
  yield();
  greenlet->kill();
  EXPECT_TRUE(greenlet->successful());
  EXPECT_FALSE(ran);
}

class Sum final : public GreenletOf<int> {
 public:
  Sum(int a, int b) : a_(a), b_(b) {}

 private:
  void run() override { value_ = a_ + b_; }
  int a_;
  int b_;
};

HUB_TEST(Greenlet, MayBeOfAClassOfOnesOwn) {
  const auto sum = spawn_new<Sum>(1, 2);
  EXPECT_TRUE(sum->started());
  EXPECT_EQ(sum->get(), 3);
}

}  // namespace
}  // namespace greenrt
