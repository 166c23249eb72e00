#include "greenrt/simulation.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

#include "greenrt/event.h"
#include "greenrt/timeout.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

void simulate(const SimulationOptions& options, const std::function<void(Simulation&)>& body) {
  Simulation simulation(options);
  testing::run_in_hub([&] { body(simulation); }, {.simulation = &simulation});
}

// The order in which five greenlets, resumed at once, come to their turns.
std::vector<int> order_of_turns(std::uint64_t seed) {
  std::vector<int> order;
  simulate({.seed = seed}, [&](Simulation&) {
    std::vector<GreenletRef> all;
    for (int i = 0; i < 5; ++i) {
      all.push_back(spawn([&order, i] {
        yield();
        order.push_back(i);
      }));
    }
    join_all(all);
  });
  return order;
}

TEST(Simulation, RunsTheSameSeedTheSameWay) {
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    EXPECT_EQ(order_of_turns(seed), order_of_turns(seed));
}

TEST(Simulation, RunsOtherSeedsInOtherOrders) {
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    orders.insert(order_of_turns(seed));
  EXPECT_GT(orders.size(), 5u);
}

TEST(Simulation, KeepsTheOrderOfFirstTurnsAndCallbacks) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    simulate({.seed = seed}, [](Simulation&) {
      std::vector<int> order;
      std::vector<GreenletRef> all;
      for (int i = 0; i < 5; ++i) {
        all.push_back(spawn([&order, i] {
          order.push_back(2 * i);
          yield();
        }));
        Hub::current().run_callback([&order, i] { order.push_back(2 * i + 1); });
      }
      join_all(all);
      sleep(1ms);
      EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
    });
  }
}

TEST(Simulation, LetsSwitchToRunAtOnce) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    simulate({.seed = seed}, [](Simulation&) {
      std::vector<std::string> order;
      const auto bystander = spawn([&] {
        yield();
        order.push_back("bystander");
      });
      yield();
      const GreenletRef self(current());
      const auto partner = make_greenlet([&] {
        order.push_back("partner");
        switch_to(*self);
      });
      switch_to(*partner);
      order.push_back("back");
      const auto at = std::ranges::find(order, "partner");
      ASSERT_NE(at, order.end());
      EXPECT_EQ(*(at + 1), "back");
      partner->kill();
      bystander->join();
    });
  }
}

TEST(Simulation, JumpsToTheNextTimerWhenNothingIsReady) {
  simulate({}, [](Simulation&) {
    const auto before = std::chrono::steady_clock::now();
    const auto begin = Clock::now();
    sleep(24h);
    EXPECT_GE(Clock::now() - begin, 24h);
    EXPECT_LT(Clock::now() - begin, 24h + 1ms);
    EXPECT_LT(std::chrono::steady_clock::now() - before, 1h) << "really";
  });
}

TEST(Simulation, StandsStillWhileAGreenletRuns) {
  simulate({}, [](Simulation&) { EXPECT_EQ(Clock::now(), Clock::now()); });
}

TEST(Simulation, GivesTheThreadItsClockBack) {
  {
    const Simulation simulation;
    const auto now = Clock::now();
    while (std::chrono::steady_clock::now() == now) {
    }
    EXPECT_EQ(Clock::now(), now);
  }
  const auto now = Clock::now();
  while (Clock::now() == now) {
  }
}

TEST(Simulation, WakesSleepersInTheOrderOfTheirTimes) {
  simulate({.seed = 3}, [](Simulation&) {
    std::vector<int> order;
    std::vector<GreenletRef> all;
    for (const int minutes : {3, 1, 2}) {
      all.push_back(spawn([&order, minutes] {
        sleep(minutes * 1min);
        order.push_back(minutes);
      }));
    }
    join_all(all);
    EXPECT_THAT(order, ElementsAre(1, 2, 3));
  });
}

TEST(Simulation, LetsTimersOfOneInstantGoOffInAnyOrder) {
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    simulate({.seed = seed}, [&](Simulation&) {
      std::vector<int> order;
      std::vector<GreenletRef> all;
      const Deadline noon(1h);
      for (int i = 0; i < 3; ++i) {
        all.push_back(spawn([&order, i, noon] {
          Event never;
          never.wait(noon);
          order.push_back(i);
        }));
      }
      join_all(all);
      orders.insert(order);
    });
  }
  EXPECT_EQ(orders.size(), 6u);
}

TEST(Simulation, DisarmsTimersThatAreStopped) {
  simulate({}, [](Simulation&) {
    {
      Timeout timeout(1ms);
      EXPECT_TRUE(timeout.pending());
      timeout.cancel();
      EXPECT_FALSE(timeout.pending());
    }
    sleep(1s);
  });
}

TEST(Simulation, LetsTimersGoOffWhileOthersAreReady) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    simulate({.seed = seed}, [](Simulation&) {
      bool awake = false;
      const auto sleeper = spawn([&] {
        sleep(1us);
        awake = true;
      });
      for (int turn = 0; turn < 1000 && !awake; ++turn)
        yield();
      EXPECT_TRUE(awake);
      sleeper->join();
    });
  }
}

// Whether a greenlet whose event is set before its time is out may be hit by the time-out all the same.
TEST(Simulation, FindsTheTimeoutThatHitsAGreenletThatIsAlreadyReady) {
  std::set<bool> timed_out;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    simulate({.seed = seed}, [&](Simulation&) {
      Event event;
      const auto waiter = spawn([&] { return !with_timeout(1us, [&] { event.wait(); }); });
      yield();
      event.set();
      timed_out.insert(waiter->get());
    });
  }
  EXPECT_EQ(timed_out.size(), 2u);
}

TEST(Simulation, StillFindsADeadlock) {
  simulate({}, [](Simulation&) {
    Event never;
    EXPECT_THROW(never.wait(), LoopExit);
  });
}

struct Outcome {
  int turns = 0;
  bool killed = false;
  bool timed_out = false;
};

Outcome take_turns(const SimulationOptions& options) {
  Outcome outcome;
  simulate(options, [&](Simulation& simulation) {
    const auto victim = spawn([&] {
      try {
        for (int turn = 0; turn < 5; ++turn) {
          ++outcome.turns;
          yield();
        }
      } catch (const TimeoutExpired&) {
        outcome.timed_out = true;
      }
    });
    simulation.expose(*victim);
    victim->join();
    outcome.killed = victim->exception() != nullptr;
  });
  return outcome;
}

TEST(Simulation, KillsAtTheTurnThatWasAskedFor) {
  for (std::uint64_t at = 1; at <= 6; ++at) {
    const Outcome outcome = take_turns({.kill_at = at});
    EXPECT_TRUE(outcome.killed) << at;
    EXPECT_EQ(outcome.turns, static_cast<int>(at) - 1);
  }
  EXPECT_FALSE(take_turns({.kill_at = 7}).killed);
}

TEST(Simulation, ThrowsATimeoutAtTheTurnThatWasAskedFor) {
  for (std::uint64_t at = 2; at <= 6; ++at) {
    const Outcome outcome = take_turns({.timeout_at = at});
    EXPECT_TRUE(outcome.timed_out) << at;
    EXPECT_EQ(outcome.turns, static_cast<int>(at) - 1);
  }
}

TEST(Simulation, SparesWhoWasNotExposed) {
  simulate({.kill_at = 1, .timeout_at = 1}, [](Simulation& simulation) {
    const auto greenlet = spawn([] { yield(); });
    greenlet->join();
    EXPECT_EQ(greenlet->exception(), nullptr);
    EXPECT_EQ(simulation.turns(), 0u);
  });
}

TEST(Simulation, IsOneAtATime) {
  const Simulation simulation;
  EXPECT_THROW(Simulation(), std::logic_error);
}

}  // namespace
}  // namespace greenrt
