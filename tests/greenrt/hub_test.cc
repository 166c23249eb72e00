#include "greenrt/hub.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "greenrt/deadline_scope.h"
#include "greenrt/event.h"
#include "greenrt/fd_watcher.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::let_poll;
using testing::settle;
using testing::take_errors;

HUB_TEST(Hub, RunsWhatIsReadyInTheOrderInWhichItBecameReady) {
  std::vector<int> order;
  std::vector<GreenletRef> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(spawn([&order, i] {
      order.push_back(i);
      yield();
      order.push_back(10 + i);
    }));
  }
  join_all(all);
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 10, 11, 12));
}

HUB_TEST(Hub, CallbacksStandInTheSameOrder) {
  std::vector<int> order;
  const auto first = spawn([&] { order.push_back(1); });
  Hub::current().run_callback([&] {
    order.push_back(2);
    EXPECT_EQ(current(), nullptr);
  });
  const auto third = spawn([&] { order.push_back(3); });
  third->join();
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

HUB_TEST(Hub, ErrorOfACallbackIsReported) {
  Hub::current().run_callback([] { throw std::runtime_error("oops"); });
  yield();
  EXPECT_THAT(take_errors(), ElementsAre("callback: oops"));
}

HUB_TEST(Hub, CallbackMustNotWait) {
  Event never;
  Hub::current().run_callback([&] {
    EXPECT_THROW(never.wait(), std::logic_error);
    EXPECT_THROW(never.wait(1ms), std::logic_error);
    EXPECT_THROW(yield(), std::logic_error);
    EXPECT_THROW(sleep(1ms), std::logic_error);
  });
  settle();
}

HUB_TEST(Hub, BusyGreenletsDoNotStarveTimers) {
  bool stop = false;
  std::vector<GreenletRef> busy;
  for (int i = 0; i < 2; ++i) {
    busy.push_back(spawn([&] {
      while (!stop)
        yield();
    }));
  }
  sleep(1ms);
  stop = true;
  EXPECT_TRUE(join_all(busy));
}

HUB_TEST(Hub, BusyGreenletsDoNotStarveDescriptors) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  bool stop = false;
  const auto busy = spawn([&] {
    while (!stop)
      yield();
  });
  {
    FdWatcher watcher(ends[0]);
    ASSERT_EQ(::write(ends[1], "x", 1), 1);
    EXPECT_TRUE(watcher.wait_read());
  }
  stop = true;
  busy->join();
  ::close(ends[0]);
  ::close(ends[1]);
}

HUB_TEST(Hub, BusyCallbacksDoNotStarveGreenlets) {
  bool stop = false;
  std::function<void()> again = [&] {
    if (!stop) Hub::current().run_callback(again);
  };
  Hub::current().run_callback(again);
  sleep(1ms);
  stop = true;
  settle();
}

HUB_TEST(Hub, YieldLetsEveryReadyGreenletRunFirst) {
  int ran = 0;
  for (int i = 0; i < 200; ++i)
    spawn([&] { ++ran; });
  yield();
  EXPECT_EQ(ran, 200);
}

TEST(Hub, MainsExceptionIsRethrown) {
  Hub hub;
  testing::record_errors(hub);
  EXPECT_THROW(hub.run([] { throw std::runtime_error("main"); }), std::runtime_error);
  EXPECT_THAT(take_errors(), ::testing::IsEmpty());
}

TEST(Hub, RunsAgain) {
  Hub hub;
  int runs = 0;
  hub.run([&] { ++runs; });
  hub.run([&] { spawn([&] { ++runs; })->join(); });
  EXPECT_EQ(runs, 2);
}

TEST(Hub, RunCannotBeNested) {
  Hub hub;
  hub.run([&] {
    EXPECT_THROW(hub.run([] {}), std::logic_error);
    hub.run_callback([&] { EXPECT_THROW(hub.run([] {}), std::logic_error); });
    yield();
  });
}

TEST(Hub, ThereIsOneAThread) {
  const Hub hub;
  EXPECT_THROW(Hub{}, std::logic_error);
  EXPECT_EQ(&Hub::current(), &hub);
}

TEST(Hub, MainKilledByAGreenletEndsTheRun) {
  Hub hub;
  bool after = false;
  hub.run([&] {
    Greenlet* main = current();
    spawn([main] { main->kill_soon(); });
    Event never;
    never.wait();
    after = true;
  });
  EXPECT_FALSE(after);
}

TEST(Hub, LoopExitListsWhoWaitsForWhat) {
  Hub hub;
  std::string report;
  Event never;
  hub.run([&] {
    spawn([&] { never.wait(); })->set_name("consumer");
    try {
      current()->set_name("the main one");
      never.wait();
    } catch (const LoopExit& exit) {
      report = exit.what();
    }
  });
  EXPECT_THAT(report, HasSubstr("the main one: waits for Event"));
  EXPECT_THAT(report, HasSubstr("consumer: waits for Event"));
}

TEST(Hub, LoopExitEndsTheRunWhenMainDoesNotCatchIt) {
  Hub hub;
  EXPECT_THROW(hub.run([] { Event().wait(); }), LoopExit);
}

TEST(Hub, LoopExitReachesAHandlerThatCleansUpAfterAKillOrADeadline) {
  Hub hub;
  int exits = 0;
  hub.run([&] {
    const auto wait_for_ever = [&exits] {
      Event never;
      EXPECT_THROW(never.wait(), LoopExit);
      ++exits;
    };
    {
      const DeadlineScope scope(1ms);
      try {
        Event().wait();
      } catch (const TimeoutExpired&) {
        wait_for_ever();
      }
    }
    Greenlet* const main = current();
    hub.run_callback([main] { main->kill_soon(); });
    try {
      Event().wait();
    } catch (const GreenletExit&) {
      wait_for_ever();
      throw;
    }
  });
  EXPECT_EQ(exits, 2);
}

HUB_TEST(Hub, WaitingForATimerIsNoDeadlock) {
  Event event;
  const auto setter = spawn([&] {
    sleep(2ms);
    event.set();
  });
  EXPECT_TRUE(event.wait());
  setter->join();
}

TEST(HubDeathTest, DeadlockInACleanUpIsFatalAndListed) {
  EXPECT_DEATH(
      {
        Hub hub;
        hub.run([] {
          const Shield shield;
          Event().wait();
        });
      },
      "cannot be unwound now:\n  #[0-9]+ main: waits for Event");
}

TEST(Hub, GreenletsThatAreLeftAreKilledWhenMainEnds) {
  Hub hub;
  testing::record_errors(hub);
  bool unwound = false;
  hub.run([&] {
    spawn([&] {
      try {
        sleep(1h);
      } catch (const GreenletExit&) {
        unwound = true;
        throw;
      }
    });
    yield();
  });
  EXPECT_TRUE(unwound);
  EXPECT_EQ(hub.stats().greenlets, 0u);
  EXPECT_THAT(take_errors(), ::testing::IsEmpty());
}

TEST(Hub, GreenletsThatAreLeftMayCleanUpWithWaits) {
  Hub hub;
  bool cleaned = false;
  hub.run([&] {
    spawn([&] {
      try {
        sleep(1h);
      } catch (const GreenletExit&) {
        sleep(20ms);
        cleaned = true;
      }
    });
    yield();
  });
  EXPECT_TRUE(cleaned);
}

TEST(Hub, GreenletsThatAreSpawnedWhileTheRestIsKilledAreKilledToo) {
  Hub hub;
  int ended = 0;
  hub.run([&] {
    spawn([] { sleep(1h); })->link([&](Greenlet&) {
      try {
        sleep(1h);
      } catch (const GreenletExit&) {
        ++ended;
        spawn([&] { ++ended; });
      }
    });
    yield();
  });
  EXPECT_GE(ended, 1);
  EXPECT_EQ(hub.stats().greenlets, 0u);
}

TEST(HubDeathTest, AbortsWhenDestroyedUnderItsGreenlets) {
  EXPECT_DEATH(
      {
        const Hub hub;
        spawn([] {})->set_name("orphan");
      },
      "destroyed under its greenlets:\n  #[0-9]+ orphan: has not run yet");
}

TEST(Hub, WhatIsQueuedWhenItIsDestroyedIsFreed) {
  auto state = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = state;
  bool called = false;
  {
    Hub hub;
    hub.run_callback([state = std::move(state), &called] { called = true; });
    const auto killed = make_greenlet([] {});
    killed->rawlink([&](Greenlet&) { called = true; });
    killed->kill_soon();
  }
  EXPECT_TRUE(watch.expired());
  EXPECT_FALSE(called);
}

TEST(Hub, ACallbackThatAlwaysQueuesItselfDoesNotKeepItFromEnding) {
  Hub hub;
  std::function<void()> again = [&] { hub.run_callback(again); };
  bool ended = false;
  hub.run([&] {
    hub.run_callback(again);
    spawn([&] {
      try {
        sleep(1h);
      } catch (const GreenletExit&) {
        ended = true;
      }
    });
    yield();
  });
  EXPECT_TRUE(ended);
}

TEST(Hub, RunsInSeveralThreadsOneEach) {
  std::vector<std::thread> threads;
  std::array<int, 4> sums{};
  for (int& sum : sums) {
    threads.emplace_back([&sum] {
      Hub hub;
      hub.run([&] {
        std::vector<GreenletRef> all;
        for (int i = 1; i <= 100; ++i) {
          all.push_back(spawn([&sum, i] {
            yield();
            sum += i;
            EXPECT_THAT(current()->name(), HasSubstr("Greenlet-"));
          }));
        }
        join_all(all);
      });
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_THAT(sums, ::testing::Each(5050));
}

HubOptions measure_each() {
  HubOptions options;
  options.switches_per_sample = 1;
  return options;
}

HUB_TEST_WITH(HubKinds, CountEverySliceWhenAskedTo, measure_each()) {
  GreenletKind& kind = Hub::current().kind("worker");
  const auto worker = spawn([] {
    for (int i = 0; i < 9; ++i)
      yield();
  });
  worker->set_kind(kind);
  worker->join();
  EXPECT_EQ(kind.slices().count(), 10u);
  EXPECT_EQ(kind.delays().count(), 10u);
}

HUB_TEST(HubKinds, AreSampledOtherwise) {
  GreenletKind& kind = Hub::current().kind("worker");
  constexpr int kTurns = 64 * 1000;
  const auto worker = spawn([] {
    for (int i = 0; i < kTurns; ++i)
      yield();
  });
  worker->set_kind(kind);
  worker->join();
  EXPECT_THAT(kind.slices().count(), ::testing::AllOf(::testing::Gt(800u), ::testing::Lt(1200u)));
}

HUB_TEST_WITH(HubKinds, TellHowLongASliceTookAndHowLongItWasReadyBefore, measure_each()) {
  Hub& hub = Hub::current();
  const auto run_for = [](Duration duration) {
    const Deadline end(duration);
    while (!end.expired()) {
    }
  };
  const auto hog = spawn([&] { run_for(20ms); });
  hog->set_kind(hub.kind("hog"));
  const auto delayed = spawn([] {});
  delayed->set_kind(hub.kind("delayed"));
  join_all({hog, delayed});
  EXPECT_GE(hub.kind("hog").longest_slice(), 20ms);
  EXPECT_GE(hub.kind("hog").slices().sum(), 0.020);
  EXPECT_GE(hub.kind("delayed").delays().sum(), 0.020);
}

constexpr std::size_t kDeep = 100 * 1024;

void go_deep() {
  std::array<volatile char, kDeep> much;
  much.front() = 1;
  much.back() = much.front();
}

HUB_TEST(HubKinds, TellHowDeepTheStacksOfSomeWereThatHaveEnded) {
  GreenletKind& kind = Hub::current().kind("deep");
  for (int i = 0; i < 64; ++i) {
    const auto deep = spawn(go_deep);
    deep->set_kind(kind);
    deep->join();
  }
  yield();
  EXPECT_GE(kind.stack_high_water(), kDeep);
}

HUB_TEST(HubKinds, TellHowDeepTheStacksInUseAreWhenAsked) {
  Hub& hub = Hub::current();
  const auto deep = spawn([] {
    go_deep();
    yield();
  });
  deep->set_kind(hub.kind("deep"));
  yield();
  EXPECT_GE(hub.stack_high_water(), kDeep);
  EXPECT_GE(hub.kind("deep").stack_high_water(), kDeep);
  deep->join();
}

HUB_TEST(HubKinds, AreTheSameForTheSameName) {
  Hub& hub = Hub::current();
  EXPECT_EQ(&hub.kind("frame"), &hub.kind("frame"));
  EXPECT_NE(&hub.kind("frame"), &hub.kind("other"));
  EXPECT_EQ(hub.kinds().front().name(), "other") << "of everybody who has none";
}

HUB_TEST(Hub, CountsWhatItDoes) {
  Hub& hub = Hub::current();
  const HubStats before = hub.stats();
  const auto greenlet = spawn([] { yield(); });
  EXPECT_EQ(hub.stats().spawned, before.spawned + 1);
  EXPECT_EQ(hub.stats().greenlets, 2u);
  greenlet->join();
  EXPECT_EQ(hub.stats().greenlets, 1u);
  EXPECT_EQ(hub.stats().switches, before.switches + 3);
  sleep(1ms);
  EXPECT_GT(hub.stats().passes, before.passes);
  EXPECT_GT(hub.lag().count(), 0u);
}

}  // namespace
}  // namespace greenrt
