#include "greenrt/rlock.h"

#include <mutex>
#include <stdexcept>
#include <vector>

#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

HUB_TEST(RLock, IsEnteredAgainByItsOwnerOnly) {
  RLock lock;
  EXPECT_TRUE(lock.acquire());
  EXPECT_TRUE(lock.acquire());
  EXPECT_TRUE(lock.try_acquire());
  EXPECT_EQ(lock.depth(), 3u);
  spawn([&] {
    EXPECT_TRUE(lock.locked());
    EXPECT_FALSE(lock.owned());
    EXPECT_FALSE(lock.try_acquire());
    EXPECT_FALSE(lock.acquire(0ms));
  })->get();
  for (int i = 0; i < 3; ++i)
    lock.release();
  EXPECT_FALSE(lock.locked());
}

HUB_TEST(RLock, IsFreeOnlyAfterTheLastRelease) {
  RLock lock;
  lock.acquire();
  lock.acquire();
  const auto other = spawn([&] {
    lock.acquire();
    lock.release();
  });
  lock.release();
  yield();
  EXPECT_FALSE(other->ready());
  lock.release();
  other->get();
}

HUB_TEST(RLock, IsEnteredInOrderOfAsking) {
  RLock lock;
  std::vector<int> order;
  std::vector<GreenletRef> all;
  lock.acquire();
  for (int i = 0; i < 3; ++i) {
    all.push_back(spawn([&, i] {
      const std::lock_guard guard(lock);
      order.push_back(i);
      yield();
    }));
  }
  yield();
  lock.release();
  EXPECT_FALSE(lock.try_acquire()) << "the first one that waits owns it now";
  join_all(all);
  EXPECT_THAT(order, ElementsAre(0, 1, 2));
}

HUB_TEST(RLock, CanBeReleasedByItsOwnerOnly) {
  RLock lock;
  EXPECT_THROW(lock.release(), std::logic_error);
  lock.acquire();
  spawn([&] { EXPECT_THROW(lock.release(), std::logic_error); })->get();
  lock.release();
}

HUB_TEST(RLock, KilledWaiterTakesNothing) {
  RLock lock;
  lock.acquire();
  const auto killed = spawn([&] { const std::lock_guard guard(lock); });
  const auto next = spawn([&] { const std::lock_guard guard(lock); });
  yield();
  lock.release();
  killed->kill();
  next->get();
  EXPECT_FALSE(lock.locked());
}

HUB_TEST(RLock, WorksWithTheGuardsOfTheStandardLibrary) {
  RLock lock;
  {
    std::unique_lock guard(lock, std::try_to_lock);
    EXPECT_TRUE(guard.owns_lock());
    EXPECT_TRUE(lock.owned());
  }
  EXPECT_FALSE(lock.locked());
}

HUB_TEST(RLock, ThatItsOwnerTookToItsGraveBelongsToNobodyElse) {
  RLock lock;
  spawn([&] { lock.acquire(); })->get();
  for (int i = 0; i < 3; ++i)  // one of them has the memory of the owner
    spawn([&] {
      EXPECT_FALSE(lock.owned());
      EXPECT_FALSE(lock.try_acquire());
    })->get();
  const auto locked_out = spawn([&] { lock.acquire(); });
  yield();
  EXPECT_THAT(describe_greenlets(Hub::current()), ::testing::HasSubstr("waits for Semaphore"));
  locked_out->kill();
}

}  // namespace
}  // namespace greenrt
