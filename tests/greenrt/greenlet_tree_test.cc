#include "greenrt/greenlet_tree.h"

#include "greenrt/event.h"
#include "greenrt/rlock.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

GreenletInfo waiting(std::uint64_t number, std::uint64_t on = 0, std::uint64_t spawner = 0) {
  return {.number = number,
          .spawner = spawner,
          .name = "g" + std::to_string(number),
          .kind = "test",
          .state = GreenletInfo::State::kWaiting,
          .waiting_for = "Event",
          .waiting_on = on};
}

HUB_TEST(ListGreenlets, TellsTheStateOfEach) {
  Event never;
  const auto waiter = spawn([&] { never.wait(); });
  const auto ready = spawn([] { yield(); });
  waiter->set_name("waiter");
  yield();
  const auto unstarted = spawn([] {});
  const std::vector<GreenletInfo> list = list_greenlets(Hub::current());
  ASSERT_EQ(list.size(), 4u);
  EXPECT_EQ(list[0].state, GreenletInfo::State::kRunning);
  EXPECT_EQ(list[1].state, GreenletInfo::State::kWaiting);
  EXPECT_EQ(list[1].name, "waiter");
  EXPECT_EQ(list[1].waiting_for, "Event");
  EXPECT_EQ(list[1].number, waiter->number());
  EXPECT_EQ(list[1].kind, "other");
  EXPECT_EQ(list[2].state, GreenletInfo::State::kReady);
  EXPECT_EQ(list[3].state, GreenletInfo::State::kNotYetRun);
  never.set();
  join_all({waiter, ready, unstarted});
}

HUB_TEST(ListGreenlets, TellsHowLongEachHasLivedAndWaited) {
  Event never;
  const auto waiter = spawn([&] {
    sleep(2ms);
    never.wait();
  });
  sleep(5ms);
  const GreenletInfo info = list_greenlets(Hub::current())[1];
  EXPECT_GE(info.age, 4ms);
  EXPECT_GT(info.in_state, 0ms);
  EXPECT_LT(info.in_state, info.age);
  waiter->kill();
}

HUB_TEST(ListGreenlets, TellsWhoseEndAndWhoseLockIsWaitedFor) {
  RLock lock;
  lock.acquire();
  const auto locked_out = spawn([&] { lock.acquire(); });
  const auto joiner = spawn([&] { locked_out->join(); });
  yield();
  const std::vector<GreenletInfo> list = list_greenlets(Hub::current());
  EXPECT_EQ(list[1].waiting_on, current()->number());
  EXPECT_EQ(list[2].waiting_on, locked_out->number());
  EXPECT_NE(list[1].waiting_in, nullptr);
  kill_all({joiner, locked_out});
  lock.release();
}

HUB_TEST(ListGreenlets, ForgetsTheOwnerOfALockThatIsFree) {
  RLock lock;
  lock.acquire();
  lock.release();
  lock.acquire();
  const auto locked_out = spawn([&] {
    lock.acquire();
    lock.release();
  });
  yield();
  lock.release();
  EXPECT_EQ(list_greenlets(Hub::current())[1].state, GreenletInfo::State::kReady);
  locked_out->join();
}

HUB_TEST(GreenletTree, IndentsEachBelowItsSpawner) {
  Event never;
  GreenletRef child;
  const auto parent = spawn([&] {
    child = spawn([&] { never.wait(); });
    child->set_name("child");
    never.wait();
  });
  parent->set_name("parent");
  yield();
  yield();
  EXPECT_THAT(describe_greenlets(Hub::current()),
              MatchesRegex("  #[0-9]+ main: runs, age .*\n"
                           "    #[0-9]+ parent: waits for Event, .* ms, age .* ms\n"
                           "      #[0-9]+ child: waits for Event, .* ms, age .* ms\n"));
  kill_all({parent, child});
}

TEST(GreenletTree, SaysWhoseEndIsWaitedFor) {
  std::vector<GreenletInfo> greenlets{waiting(1), waiting(2, 1)};
  greenlets[1].waiting_for = "the end of";
  EXPECT_THAT(greenlet_tree(greenlets), HasSubstr("#2 g2: waits for the end of #1 g1,"));
}

TEST(GreenletTree, SaysWhoHoldsTheLock) {
  std::vector<GreenletInfo> greenlets{waiting(1), waiting(2, 1)};
  greenlets[1].waiting_for = "RLock";
  EXPECT_THAT(greenlet_tree(greenlets), HasSubstr("#2 g2: waits for RLock of #1 g1,"));
}

TEST(GreenletTree, PutsThoseWhoseSpawnerHasEndedAtTheTop) {
  EXPECT_THAT(greenlet_tree({waiting(7, 0, 3)}), HasSubstr("  #7 g7 (from #3, which has ended): waits"));
}

TEST(GreenletTree, CountsThoseThatAreAlike) {
  std::vector<GreenletInfo> greenlets;
  for (std::uint64_t i = 1; i <= 100; ++i)
    greenlets.push_back(waiting(i));
  const std::string text = greenlet_tree(greenlets);
  EXPECT_THAT(text, HasSubstr("g3:"));
  EXPECT_THAT(text, Not(HasSubstr("g4:")));
  EXPECT_THAT(text, HasSubstr("  and 97 more of kind test: waits for Event\n"));
}

TEST(GreenletTree, NeverHidesOneThatHasStartedOthers) {
  std::vector<GreenletInfo> greenlets;
  for (std::uint64_t i = 1; i <= 5; ++i)
    greenlets.push_back(waiting(i));
  greenlets.push_back(waiting(6, 0, 5));
  EXPECT_THAT(greenlet_tree(greenlets), HasSubstr("#5 g5"));
}

TEST(GreenletTree, EndsAtItsLimit) {
  std::vector<GreenletInfo> greenlets;
  for (std::uint64_t i = 1; i <= 5; ++i) {
    greenlets.push_back(waiting(i));
    greenlets.back().kind = std::to_string(i);
  }
  const std::string text = greenlet_tree(greenlets, 2);
  EXPECT_THAT(text, Not(HasSubstr("g3")));
  EXPECT_THAT(text, HasSubstr("  and 3 more\n"));
}

TEST(GreenletTree, CountsAllThatLieBelowItsLimit) {
  std::vector<GreenletInfo> greenlets;
  for (std::uint64_t i = 1; i <= 10; ++i)
    greenlets.push_back(waiting(i, 0, i - 1));
  EXPECT_THAT(greenlet_tree(greenlets, 3), HasSubstr("#3 g3"));
  EXPECT_THAT(greenlet_tree(greenlets, 3), HasSubstr("  and 7 more\n"));
}

HUB_TEST(GreenletTree, OfALongChainOfSpawnersFitsOnTheStackOfAGreenlet) {
  std::vector<GreenletInfo> greenlets;
  for (std::uint64_t i = 1; i <= 10'000; ++i)
    greenlets.push_back(waiting(i, 0, i - 1));
  EXPECT_THAT(greenlet_tree(greenlets), HasSubstr("  and 9800 more\n"));
}

TEST(WaitCircles, FindsEachCircleOnce) {
  //          1 <-> 2, 3 -> 1, 4 -> 5 -> 6 -> 4, 7 -> itself, 8 -> nobody, 9 -> 8
  const std::vector<GreenletInfo> greenlets{waiting(1, 2), waiting(2, 1), waiting(3, 1), waiting(4, 5), waiting(5, 6),
                                            waiting(6, 4), waiting(7, 7), waiting(8),    waiting(9, 8)};
  EXPECT_THAT(wait_circles(greenlets), ElementsAre(ElementsAre(0, 1), ElementsAre(3, 4, 5), ElementsAre(6)));
}

TEST(WaitCircles, FindsNoneWhereEverybodyCanGoOn) {
  EXPECT_THAT(wait_circles({waiting(1, 2), waiting(2, 3), waiting(3)}), IsEmpty());
  EXPECT_THAT(wait_circles({waiting(1, 99)}), IsEmpty()) << "on one that is not there";
  EXPECT_THAT(wait_circles({}), IsEmpty());
}

TEST(WaitCircles, AreToldWithADeadlock) {
  Hub hub;
  std::string report;
  hub.run([&] {
    current()->set_name("main");
    const GreenletRef main(current());
    const auto other = spawn([&] { main->join(); });
    other->set_name("other");
    try {
      other->join();
    } catch (const LoopExit& exit) {
      report = exit.what();
    }
    other->kill();
  });
  EXPECT_THAT(report,
              MatchesRegex("(.|\n)*in which nobody can go on: #[0-9]+ main -> #[0-9]+ other -> #[0-9]+ main\n"));
}

}  // namespace
}  // namespace greenrt
