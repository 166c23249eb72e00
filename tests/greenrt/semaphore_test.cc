#include "greenrt/semaphore.h"

#include <stdexcept>
#include <vector>

#include "greenrt/greenlet.h"
#include "greenrt/timeout.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::settle;

HUB_TEST(Semaphore, GivesItsPermitsWithoutWaiting) {
  Semaphore semaphore(2);
  EXPECT_TRUE(semaphore.acquire());
  EXPECT_TRUE(semaphore.try_acquire());
  EXPECT_FALSE(semaphore.try_acquire());
  EXPECT_EQ(semaphore.permits(), 0u);
  semaphore.release();
  EXPECT_EQ(semaphore.permits(), 1u);
}

HUB_TEST(Semaphore, ServesInOrderOfAsking) {
  Semaphore semaphore(0);
  std::vector<int> order;
  std::vector<GreenletRef> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(spawn([&, i] {
      semaphore.acquire();
      order.push_back(i);
      semaphore.release();
    }));
  }
  yield();
  EXPECT_EQ(semaphore.waiting(), 4u);
  semaphore.release();
  join_all(all);
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(semaphore.permits(), 1u);
}

HUB_TEST(Semaphore, NobodyTakesThePermitOfAWaiterOnTheWay) {
  Semaphore semaphore(0);
  const auto waiter = spawn([&] { return semaphore.acquire(); });
  yield();
  semaphore.release();
  EXPECT_FALSE(semaphore.try_acquire());
  EXPECT_FALSE(semaphore.acquire(0ms));
  EXPECT_TRUE(waiter->get());
}

HUB_TEST(Semaphore, AcquireIsFalseAtTheDeadlineAndTakesNothing) {
  Semaphore semaphore(0);
  EXPECT_FALSE(semaphore.acquire(1ms));
  EXPECT_EQ(semaphore.waiting(), 0u);
  semaphore.release();
  EXPECT_EQ(semaphore.permits(), 1u);
}

HUB_TEST(Semaphore, KilledWaiterLeavesTheQueue) {
  Semaphore semaphore(0);
  const auto killed = spawn([&] { semaphore.acquire(); });
  const auto next = spawn([&] { return semaphore.acquire(); });
  yield();
  killed->kill();
  semaphore.release();
  EXPECT_TRUE(next->get());
}

HUB_TEST(Semaphore, WaiterKilledAfterItWasGivenThePermitPassesItOn) {
  Semaphore semaphore(0);
  const auto killed = spawn([&] { semaphore.acquire(); });
  const auto next = spawn([&] { return semaphore.acquire(); });
  yield();
  semaphore.release();
  killed->kill();
  EXPECT_TRUE(next->get());
  EXPECT_EQ(semaphore.permits(), 0u);
}

HUB_TEST(Semaphore, WaiterKilledAfterItWasGivenThePermitPutsItBackWhenNobodyElseWaits) {
  Semaphore semaphore(0);
  const auto killed = spawn([&] { semaphore.acquire(); });
  yield();
  semaphore.release();
  killed->kill();
  EXPECT_EQ(semaphore.permits(), 1u);
}

HUB_TEST(Semaphore, BoundedOneFindsOutWhenMoreIsReleasedThanWasAcquired) {
  BoundedSemaphore semaphore(2);
  EXPECT_THROW(semaphore.release(), std::logic_error);
  EXPECT_EQ(semaphore.permits(), 2u);
  EXPECT_TRUE(semaphore.acquire());
  semaphore.release();
  EXPECT_THROW(semaphore.release(), std::logic_error);
}

HUB_TEST(Semaphore, UnboundedOneGrowsByReleases) {
  Semaphore semaphore(0);
  semaphore.release();
  semaphore.release();
  EXPECT_EQ(semaphore.permits(), 2u);
}

HUB_TEST(Semaphore, PermitIsHeldForAScope) {
  Semaphore semaphore;
  try {
    const Permit permit(semaphore);
    EXPECT_EQ(semaphore.permits(), 0u);
    throw std::runtime_error("leave");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(semaphore.permits(), 1u);
}

}  // namespace
}  // namespace greenrt
