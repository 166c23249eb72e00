#include "greenrt/imap.h"

#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "greenrt/event.h"
#include "greenrt/group.h"
#include "greenrt/pool.h"
#include "greenrt/timeout.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::settle;
using testing::take_errors;

// Takes `item` turns.
int work(int item) {
  for (int turn = 0; turn < item; ++turn)
    yield();
  return item;
}

template <typename T>
std::vector<T> collect(Imap<T> imap) {
  std::vector<T> all;
  for (T& each : imap)
    all.push_back(each);
  return all;
}

HUB_TEST(Imap, GivesResultsInTheOrderOfTheItems) {
  Group group;
  EXPECT_THAT(collect(group.imap(std::vector{30, 10, 20}, work)), ElementsAre(30, 10, 20));
}

HUB_TEST(Imap, UnorderedGivesResultsInTheOrderOfEnding) {
  Group group;
  EXPECT_THAT(collect(group.imap_unordered(std::vector{30, 10, 20}, work)), ElementsAre(10, 20, 30));
}

HUB_TEST(Imap, OfNothingGivesNothing) {
  Group group;
  EXPECT_THAT(collect(group.imap(std::vector<int>{}, work)), IsEmpty());
  EXPECT_THAT(collect(group.imap_unordered(std::vector<int>{}, work)), IsEmpty());
}

HUB_TEST(Imap, KeepsToTheLimitOfItsPool) {
  Pool pool(2);
  std::size_t most = 0;
  auto results = pool.imap_unordered(std::views::iota(0, 8), [&](int item) {
    most = std::max(most, pool.size());
    return work(item);
  });
  int count = 0;
  while (results.next())
    ++count;
  EXPECT_EQ(count, 8);
  EXPECT_EQ(most, 2u);
  EXPECT_EQ(results.next(), std::nullopt);
}

HUB_TEST(Imap, StartsNoMoreThanItsCallerAllowsAhead) {
  Group group;
  int started = 0;
  for (const bool ordered : {true, false}) {
    started = 0;
    const auto count = [&](int item) {
      ++started;
      return item;
    };
    auto results =
        ordered ? group.imap(std::views::iota(0), count, 3) : group.imap_unordered(std::views::iota(0), count, 3);
    settle();
    EXPECT_EQ(started, 3);
    EXPECT_EQ(results.next(), 0);
    settle();
    EXPECT_EQ(started, 4);
  }
  settle();
}

HUB_TEST(Imap, ThrowsTheFailureOfAnItemAndGoesOn) {
  Group group;
  const auto check = [](int item) {
    if (item == 1) throw std::runtime_error("broken");
    return item;
  };
  auto results = group.imap(std::views::iota(0, 3), check);
  EXPECT_EQ(results.next(), 0);
  EXPECT_THROW(results.next(), std::runtime_error);
  EXPECT_EQ(results.next(), 2);
  EXPECT_EQ(results.next(), std::nullopt);
  EXPECT_EQ(take_errors().size(), 1u);
}

HUB_TEST(Imap, ThrowsTheFailureOfTakingAnItem) {
  Group group;
  const auto broken = std::views::iota(0) | std::views::transform([](int item) {
                        if (item == 1) throw std::runtime_error("no item");
                        return item;
                      });
  auto results = group.imap(broken, work);
  EXPECT_EQ(results.next(), 0);
  EXPECT_THROW(results.next(), std::runtime_error);
  EXPECT_EQ(results.next(), std::nullopt);
  EXPECT_THAT(take_errors(), ElementsAre("imap: no item"));
}

HUB_TEST(Imap, MayBeDestroyedBeforeItsEnd) {
  Group group;
  Event release;
  int ended = 0;
  {
    auto results = group.imap_unordered(
        std::views::iota(0),
        [&](int item) {
          release.wait();
          ++ended;
          return item;
        },
        3);
    settle();
  }
  release.set();
  group.join();
  EXPECT_EQ(ended, 3);
  settle();
}

HUB_TEST(Imap, MayBeAbandonedTogetherWithItsPool) {
  Event release;
  {
    Pool pool(1);
    const auto results = pool.imap(std::views::iota(0), [&](int item) {
      release.wait();
      return item;
    });
    settle();  // the next item waits for a place
  }
  release.set();
  settle();
}

HUB_TEST(Imap, LosesNoResultToATimeout) {
  Group group;
  Event release;
  const auto wait_for_release = [&](int item) {
    release.wait();
    return item;
  };
  for (const bool ordered : {true, false}) {
    release.clear();
    auto results = ordered ? group.imap(std::views::iota(0, 2), wait_for_release)
                           : group.imap_unordered(std::views::iota(0, 2), wait_for_release);
    EXPECT_EQ(with_timeout(
                  1ms, [&] { return results.next(); }, std::nullopt),
              std::nullopt);
    release.set();
    EXPECT_EQ(results.next(), 0);
    EXPECT_EQ(results.next(), 1);
    EXPECT_EQ(results.next(), std::nullopt);
  }
}

HUB_TEST(Imap, MayBeDestroyedOnTheHubsOwnStack) {
  Group group;
  const auto never_runs = make_greenlet([results = group.imap(std::views::iota(0), work, 1)] {});
  Hub::current().run_callback([never_runs] { never_runs->kill_soon(); });
  settle();
  EXPECT_TRUE(never_runs->ready());
  group.join();
}

HUB_TEST(Imap, NeedsRoomForOne) {
  Group group;
  EXPECT_THROW(group.imap(std::views::iota(0), work, 0), std::invalid_argument);
}

}  // namespace
}  // namespace greenrt
