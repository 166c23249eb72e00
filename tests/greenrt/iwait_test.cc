#include "greenrt/iwait.h"

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
using testing::take_errors;

// Greenlets that take 30, 10, and 20 turns, and return that number.
std::vector<Ref<GreenletOf<int>>> three() {
  std::vector<Ref<GreenletOf<int>>> all;
  for (const int turns : {30, 10, 20}) {
    all.push_back(spawn([turns] {
      for (int turn = 0; turn < turns; ++turn)
        yield();
      return turns;
    }));
  }
  return all;
}

HUB_TEST(Iwait, GivesGreenletsAsTheyEnd) {
  std::vector<int> order;
  for (const auto& each : iwait(three()))
    order.push_back(each->value());
  EXPECT_THAT(order, ElementsAre(10, 20, 30));
}

HUB_TEST(Iwait, EndsAtItsDeadline) {
  Event never;
  const auto stuck = spawn([&] { never.wait(); });
  const auto quick = spawn([] {});
  int given = 0;
  for (const auto& each : iwait(std::vector{stuck, quick}, 1ms)) {
    EXPECT_EQ(each, quick);
    ++given;
  }
  EXPECT_EQ(given, 1);
  stuck->kill();
}

HUB_TEST(Iwait, MayBeLeftEarly) {
  const auto all = three();
  for (const auto& each : iwait(all)) {
    EXPECT_EQ(each, all[1]);
    break;
  }
  EXPECT_TRUE(all[0]->waiters().empty());
  join_all({all.begin(), all.end()});
}

HUB_TEST(Iwait, OfNothingGivesNothing) {
  for (const auto& each : iwait(std::vector<GreenletRef>{}))
    FAIL() << each->name();
}

HUB_TEST(WaitSome, IsContentWithTheFirstOnes) {
  const auto all = three();
  EXPECT_THAT(wait_some(all, 2), ElementsAre(all[1], all[2]));
  EXPECT_FALSE(all[0]->ready());
  EXPECT_THAT(wait_some(all, 4), ElementsAre(all[1], all[2], all[0]));
}

HUB_TEST(GetAll, ReturnsTheValuesInTheOrderGiven) {
  EXPECT_THAT(get_all(three()), ElementsAre(30, 10, 20));
  get_all(std::vector{spawn([] {}), spawn([] {})});
  EXPECT_THAT(get_all(std::vector<Ref<GreenletOf<int>>>{}), IsEmpty());
}

HUB_TEST(GetAll, ThrowsTheFirstFailureAtOnce) {
  Event never;
  const auto stuck = spawn([&] { never.wait(); });
  const auto broken = spawn([] { throw std::runtime_error("broken"); });
  broken->set_name("broken");
  EXPECT_THROW(get_all(std::vector{stuck, broken}), std::runtime_error);
  EXPECT_FALSE(stuck->ready());
  stuck->kill();
  EXPECT_THAT(take_errors(), ElementsAre("broken: broken"));
}

HUB_TEST(GetAll, ThrowsTimeoutExpiredAtItsDeadline) {
  Event never;
  const auto stuck = spawn([&] { never.wait(); });
  EXPECT_THROW(get_all(std::vector{stuck}, 1ms), TimeoutExpired);
  stuck->kill();
}

}  // namespace
}  // namespace greenrt
