#include "greenrt/pool.h"

#include <stdexcept>
#include <vector>

#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "greenrt/timeout.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::settle;

HUB_TEST(Pool, SpawnWaitsWhileThePoolIsFull) {
  Pool pool(2);
  int working = 0;
  int most = 0;
  for (int i = 0; i < 6; ++i) {
    pool.spawn([&] {
      most = std::max(most, ++working);
      settle();
      --working;
    });
    EXPECT_LE(pool.size(), 2u);
  }
  EXPECT_TRUE(pool.join());
  EXPECT_EQ(most, 2);
  EXPECT_EQ(pool.free_count(), 2u);
}

HUB_TEST(Pool, KnowsItsRoom) {
  Pool pool(2);
  Event release;
  EXPECT_EQ(pool.limit(), 2u);
  EXPECT_TRUE(pool.wait_available(0ms));
  const auto work = [&] { release.wait(); };
  pool.spawn(work);
  EXPECT_EQ(pool.free_count(), 1u);
  EXPECT_FALSE(pool.full());
  EXPECT_NE(pool.try_spawn(work), nullptr);
  EXPECT_TRUE(pool.full());
  EXPECT_EQ(pool.try_spawn(work), nullptr);
  EXPECT_FALSE(pool.wait_available(1ms));
  release.set();
  EXPECT_TRUE(pool.wait_available());
  EXPECT_EQ(pool.free_count(), 2u) << "waiting takes no place";
  pool.join();
  EXPECT_THROW(Pool(0), std::invalid_argument);
}

HUB_TEST(Pool, PlacesAreGivenInOrderOfAsking) {
  Pool pool(1);
  std::vector<int> order;
  std::vector<GreenletRef> spawners;
  for (int i = 0; i < 3; ++i) {
    spawners.push_back(spawn([&, i] {
      pool.spawn([&, i] {
        order.push_back(i);
        yield();
      });
    }));
  }
  join_all(spawners);
  pool.join();
  EXPECT_THAT(order, ElementsAre(0, 1, 2));
}

HUB_TEST(Pool, AddWaitsForRoomAndDiscardMakesIt) {
  Pool pool(1);
  Event release;
  const auto first = spawn([&] { release.wait(); });
  const auto second = spawn([&] { release.wait(); });
  pool.add(first);
  {
    const Timeout timeout(1ms);
    EXPECT_THROW(pool.add(second), TimeoutExpired);
  }
  EXPECT_FALSE(pool.contains(second.get()));
  pool.discard(*first);
  pool.add(second);
  EXPECT_TRUE(pool.full());
  release.set();
  first->join();
  second->join();
  EXPECT_EQ(pool.free_count(), 1u);
}

HUB_TEST(Pool, GreenletThatEndedWhileItsAdderWaitedTakesNoPlace) {
  Pool pool(1);
  Event release;
  pool.spawn([&] { release.wait(); });
  const auto late = make_greenlet([] {});
  const auto adder = spawn([&] { pool.add(late); });
  yield();
  late->kill_soon();
  release.set();
  adder->get();
  EXPECT_TRUE(pool.join());
  EXPECT_EQ(pool.free_count(), 1u);
}

HUB_TEST(Pool, KilledSpawnerTakesNoPlace) {
  Pool pool(1);
  Event release;
  pool.spawn([&] { release.wait(); });
  const auto spawner = spawn([&] { pool.spawn([] {}); });
  yield();
  release.set();
  settle();
  spawner->kill();
  pool.join();
  EXPECT_EQ(pool.free_count(), 1u);
}

HUB_TEST_WITH(Pool, PlaceComesBackWhenTheHubHasNoRoom, HubOptions{.max_greenlets = 2}) {
  Pool pool(5);
  Event release;
  pool.spawn([&] { release.wait(); });
  EXPECT_THROW(pool.spawn([] {}), TooManyGreenlets);
  EXPECT_EQ(pool.free_count(), 4u);
  release.set();
  pool.join();
}

HUB_TEST(Pool, KillMakesAllTheRoom) {
  Pool pool(2);
  Event never;
  pool.spawn([&] { never.wait(); });
  pool.spawn([&] { never.wait(); });
  const auto waiting = spawn([&] { pool.spawn([&] { never.wait(); }); });
  yield();
  EXPECT_TRUE(pool.kill());
  waiting->join();
  pool.kill();
  EXPECT_EQ(pool.free_count(), 2u);
  settle();
}

HUB_TEST(Pool, ApplyInAMemberOfAFullPoolDoesNotWaitForRoom) {
  Pool pool(1);
  EXPECT_EQ(pool.apply([&] { return pool.apply([] { return 5; }); }), 5);
}

}  // namespace
}  // namespace greenrt
