#include "greenrt/group.h"

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
using ::testing::IsEmpty;
using testing::settle;
using testing::take_errors;

HUB_TEST(Group, IsLeftByItsMembersWhenTheyEnd) {
  Group group;
  Event release;
  const auto first = group.spawn([&] { release.wait(); });
  const auto second = group.spawn([] {});
  EXPECT_THAT(group.members(), ElementsAre(first, second));
  EXPECT_TRUE(group.contains(first.get()));
  yield();
  EXPECT_THAT(group.members(), ElementsAre(first));
  EXPECT_FALSE(group.join(1ms));
  release.set();
  EXPECT_TRUE(group.join());
  EXPECT_TRUE(group.empty());
  EXPECT_TRUE(group.join(0ms));
}

HUB_TEST(Group, TakesGreenletsThatOthersHaveMade) {
  Group group;
  Event release;
  const auto greenlet = spawn([&] { release.wait(); });
  group.add(greenlet);
  group.add(greenlet);
  EXPECT_EQ(group.size(), 1u);
  group.discard(*greenlet);
  EXPECT_TRUE(group.empty());
  group.discard(*greenlet);
  group.add(greenlet);
  release.set();
  greenlet->join();
  EXPECT_TRUE(group.empty());
  group.add(greenlet);
  EXPECT_TRUE(group.empty()) << "it has ended";
}

HUB_TEST(Group, JoinIsContentWhenTheGroupHasBeenEmptyOnce) {
  Group group;
  Event never;
  const auto first = make_greenlet([] {});
  const auto refill = spawn([&] {
    first->join();
    group.spawn([&] { never.wait(); });
  });
  yield();
  group.add(first);
  first->start();
  EXPECT_TRUE(group.join());
  EXPECT_EQ(group.size(), 1u);
  group.kill();
  settle();
}

HUB_TEST(Group, DiscardingTheLastMemberEndsAJoin) {
  Group group;
  Event release;
  const auto member = group.spawn([&] { release.wait(); });
  const auto joiner = spawn([&] { return group.join(); });
  yield();
  group.discard(*member);
  EXPECT_TRUE(joiner->get());
  release.set();
  member->join();
}

HUB_TEST(Group, MayBeDestroyedBeforeItsMembersEnd) {
  Event release;
  Ref<GreenletOf<void>> member;
  {
    Group group;
    member = group.spawn([&] { release.wait(); });
    yield();
  }
  EXPECT_FALSE(member->ready());
  release.set();
  member->get();
}

HUB_TEST(Group, JoinOrThrowThrowsTheFirstFailureOfItsMembersAtOnce) {
  Group group;
  Event never;
  group.spawn([&] { never.wait(); });
  group.spawn([] { throw std::runtime_error("broken"); })->set_name("member");
  EXPECT_THROW(group.join_or_throw(), std::runtime_error);
  EXPECT_EQ(group.size(), 1u);
  EXPECT_FALSE(group.join_or_throw(1ms));
  group.kill();
  EXPECT_TRUE(group.join_or_throw());
  EXPECT_THAT(take_errors(), ElementsAre("member: broken"));
}

HUB_TEST(Group, JoinDoesNotThrowFailures) {
  Group group;
  group.spawn([] { throw std::runtime_error("broken"); })->set_name("member");
  EXPECT_TRUE(group.join());
  EXPECT_THAT(take_errors(), ElementsAre("member: broken"));
}

HUB_TEST(Group, KillEndsAllMembersAndThoseThatJoinMeanwhile) {
  Group group;
  Event never;
  bool late_ran = false;
  Ref<GreenletOf<void>> late;
  group.spawn([&] {
    const struct SpawnAtEnd {
      Group& group;
      Ref<GreenletOf<void>>& late;
      bool& ran;
      ~SpawnAtEnd() {
        late = group.spawn([&ran = ran] { ran = true; });
      }
    } spawn_at_end{group, late, late_ran};
    never.wait();
  });
  const auto unstarted = make_greenlet([] {});
  group.add(unstarted);
  yield();
  EXPECT_TRUE(group.kill());
  EXPECT_TRUE(group.empty());
  EXPECT_TRUE(unstarted->ready());
  EXPECT_TRUE(late->ready());
  EXPECT_FALSE(late_ran);
  group.spawn([] {})->get();  // and afterwards it is as before
  yield();
}

HUB_TEST(Group, KillIsFalseWhenMembersGoOnAtTheDeadline) {
  Group group;
  Event release;
  const auto stubborn = group.spawn([&] {
    const Shield shield;
    release.wait();
  });
  yield();
  EXPECT_FALSE(group.kill(1ms));
  EXPECT_EQ(group.size(), 1u);
  release.set();
  EXPECT_TRUE(group.join());
}

HUB_TEST(Group, KillSparesTheMemberThatCallsIt) {
  Group group;
  Event never;
  group.spawn([&] { never.wait(); });
  const auto killer = group.spawn([&] { return group.kill(); });
  EXPECT_TRUE(killer->get());
  EXPECT_TRUE(group.empty());
}

HUB_TEST(Group, MemberCannotJoinItsGroup) {
  Group group;
  group.spawn([&] { EXPECT_THROW(group.join(), std::logic_error); });
  group.join();
}

HUB_TEST(Group, MemberCannotJoinItsGroupForFailuresEither) {
  Group group;
  const auto member = group.spawn([&] { EXPECT_THROW(group.join_or_throw(), std::logic_error); });
  EXPECT_TRUE(member->join(1s));
  group.kill();
}

HUB_TEST(Group, MapReturnsResultsInTheOrderOfTheItems) {
  Group group;
  const auto squares = group.map(std::vector{3, 1, 2}, [](int item) {
    for (int turn = 0; turn < item; ++turn)
      yield();
    return item * item;
  });
  EXPECT_THAT(squares, ElementsAre(9, 1, 4));
  std::vector<int> seen;
  group.map(std::vector{1, 2}, [&](int item) { seen.push_back(item); });
  EXPECT_THAT(seen, ElementsAre(1, 2));
}

HUB_TEST(Group, MapThrowsTheFirstFailure) {
  Group group;
  EXPECT_THROW(group.map(std::vector{0, 1},
                         [](int item) {
                           if (item == 1) throw std::runtime_error("broken");
                           return item;
                         }),
               std::runtime_error);
  EXPECT_EQ(take_errors().size(), 1u);
}

HUB_TEST(Group, ApplyCallsInAMemberAndInAMemberRightThere) {
  Group group;
  const auto who = [] { return current(); };
  Greenlet* const main = current();
  EXPECT_NE(group.apply(who), main);
  EXPECT_TRUE(group.apply([&] { return group.apply(who) == current(); }));
  EXPECT_EQ(group.apply([](int a, int b) { return a + b; }, 1, 2), 3);
}

}  // namespace
}  // namespace greenrt
