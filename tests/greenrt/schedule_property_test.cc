// Random schedules: greenlets do random things with one primitive while others kill them and timeouts go off, and
// whatever happens, nothing may be lost. Each seed is one schedule, always the same; a failure names it.

#include <algorithm>
#include <functional>
#include <mutex>
#include <random>
#include <set>
#include <vector>

#include "greenrt/condition.h"
#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "greenrt/pool.h"
#include "greenrt/queue.h"
#include "greenrt/semaphore.h"
#include "greenrt/timeout.h"
#include "greenrt/wait_set.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kSeedsEach = 700;
constexpr int kTurns = 5000;  // far more than a schedule takes

class Chance {
 public:
  explicit Chance(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return random_() % bound; }
  bool one_in(std::size_t count) { return below(count) == 0; }
  void pause() {
    for (std::size_t turns = below(4); turns > 0; --turns)
      yield();
  }
  Deadline deadline() { return one_in(3) ? Deadline(0ms) : Deadline::never(); }

 private:
  std::mt19937 random_;
};

// Every so often under a timeout that goes off at the next poll.
template <typename Step>
void perhaps_timed_out(Chance& chance, Step step) {
  if (!chance.one_in(3)) return step();
  Timeout timeout(0ms);
  try {
    step();
  } catch (const TimeoutExpired& expired) {
    if (!timeout.threw(expired)) throw;
  }
}

void kill_some(Chance& chance, const std::vector<GreenletRef>& victims) {
  for (std::size_t kills = chance.below(12); kills > 0; --kills) {
    chance.pause();
    victims[chance.below(victims.size())]->kill_soon();
  }
}

// Checks between the turns of the others. Not for ever: when somebody waits in vain, the hub must be able to notice.
template <typename Check>
void run_schedule(unsigned seed, const std::function<void(Chance&)>& body, Check check) {
  const HubOptions options{.switches_per_check = 1 + seed % 5, .slice = Duration::zero()};
  testing::run_in_hub(
      [&] {
        Chance chance(seed);
        bool done = false;
        const auto watcher = spawn([&] {
          for (int turn = 0; turn < kTurns && !done; ++turn) {
            check();
            yield();
          }
        });
        body(chance);
        done = true;
        watcher->get();
      },
      options);
}

TEST(RandomSchedule, SemaphoreLosesNoPermitAndGivesNoneTwice) {
  for (unsigned seed = 0; seed < kSeedsEach && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    const std::size_t permits = 1 + seed % 3;
    Semaphore semaphore(permits);
    std::size_t held = 0;

    const auto hold = [&](Chance& chance) {
      if (!semaphore.acquire(chance.deadline())) return;
      ++held;
      const struct Release {
        Semaphore& semaphore;
        std::size_t& held;
        ~Release() {
          --held;
          semaphore.release();
        }
      } release{semaphore, held};
      chance.pause();
    };

    run_schedule(
        seed,
        [&](Chance& chance) {
          std::vector<GreenletRef> workers;
          for (int i = 0; i < 6; ++i) {
            workers.push_back(spawn([&] {
              for (int step = 0; step < 8; ++step)
                perhaps_timed_out(chance, [&] { hold(chance); });
            }));
          }
          kill_some(chance, workers);
          EXPECT_TRUE(join_all(workers));
        },
        [&] {
          EXPECT_LE(held, permits);
          EXPECT_TRUE(semaphore.permits() == 0 || semaphore.waiting() == 0);
        });
    EXPECT_EQ(held, 0u);
    EXPECT_EQ(semaphore.permits(), permits);
    EXPECT_EQ(semaphore.waiting(), 0u);
  }
}

template <typename MakeQueue>
void queue_loses_no_item_and_gives_none_twice(MakeQueue make) {
  for (unsigned seed = 0; seed < kSeedsEach && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    auto queue = make(seed);
    std::set<int> put;        // put() has returned
    std::set<int> uncertain;  // put() was interrupted: before there was room, or just after
    std::vector<int> got;
    int next = 0;

    const auto put_one = [&](Chance& chance) {
      const int item = next++;
      uncertain.insert(item);
      try {
        queue.put(item, chance.deadline());
        put.insert(item);
      } catch (const QueueFull&) {
      }
      uncertain.erase(item);
    };
    const auto get_one = [&](Chance& chance) {
      try {
        got.push_back(queue.get(chance.deadline()));
      } catch (const QueueEmpty&) {
      }
    };

    run_schedule(
        seed,
        [&](Chance& chance) {
          std::vector<GreenletRef> workers;
          for (int i = 0; i < 6; ++i) {
            workers.push_back(spawn([&, gets = i % 2 == 0] {
              for (int step = 0; step < 10; ++step) {
                perhaps_timed_out(chance, [&] { gets ? get_one(chance) : put_one(chance); });
                chance.pause();
              }
            }));
          }
          kill_some(chance, workers);
          for (int turn = 0; turn < 100; ++turn)
            yield();
          kill_all(workers);  // those that wait for partners that have ended
        },
        [&] {
          EXPECT_TRUE(queue.getters() == 0 || queue.empty());
          EXPECT_TRUE(queue.putters() == 0 || queue.full());
        });

    while (const auto item = queue.try_get())
      got.push_back(*item);
    const std::set<int> distinct(got.begin(), got.end());
    EXPECT_EQ(distinct.size(), got.size()) << "an item was given twice";
    for (const int item : put)
      EXPECT_TRUE(distinct.contains(item)) << "item " << item << " was lost";
    for (const int item : distinct)
      EXPECT_TRUE(put.contains(item) || uncertain.contains(item)) << "item " << item << " came from nowhere";
  }
}

// No bound, or one of 1 to 3 items.
template <typename AnyQueue>
AnyQueue with_bound(unsigned seed) {
  return AnyQueue(seed % 4 == 0 ? AnyQueue::kUnbounded : seed % 4);
}

TEST(RandomSchedule, QueueLosesNoItemAndGivesNoneTwice) {
  queue_loses_no_item_and_gives_none_twice(with_bound<Queue<int>>);
}

TEST(RandomSchedule, LifoQueueLosesNoItemAndGivesNoneTwice) {
  queue_loses_no_item_and_gives_none_twice(with_bound<LifoQueue<int>>);
}

TEST(RandomSchedule, PriorityQueueLosesNoItemAndGivesNoneTwice) {
  queue_loses_no_item_and_gives_none_twice(with_bound<PriorityQueue<int, std::greater<>>>);
}

TEST(RandomSchedule, ChannelLosesNoItemAndGivesNoneTwice) {
  queue_loses_no_item_and_gives_none_twice([](unsigned) { return Channel<int>(); });
}

TEST(RandomSchedule, EventWakesEverybodyWhoWaitedWhenItWasSet) {
  for (unsigned seed = 0; seed < kSeedsEach && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Event event;
    std::size_t sets = 0;

    const auto wait_one = [&](Chance& chance) {
      const std::size_t before = sets;
      const Deadline deadline = chance.deadline();
      if (event.wait(deadline)) {
        EXPECT_TRUE(event.is_set() || sets > before);
      } else {
        EXPECT_FALSE(deadline.is_never());
        EXPECT_EQ(sets, before);
      }
    };

    run_schedule(
        seed,
        [&](Chance& chance) {
          std::vector<GreenletRef> workers;
          for (int i = 0; i < 6; ++i) {
            workers.push_back(spawn([&] {
              for (int step = 0; step < 8; ++step) {
                perhaps_timed_out(chance, [&] { wait_one(chance); });
                chance.pause();
              }
            }));
          }
          const auto setter = spawn([&] {
            while (true) {
              event.set();
              ++sets;
              chance.pause();
              event.clear();
              yield();
            }
          });
          kill_some(chance, workers);
          EXPECT_TRUE(join_all(workers));
          setter->kill();
        },
        [] {});
  }
}

TEST(RandomSchedule, EveryGreenletEndsAndEveryLinkFiresOnce) {
  for (unsigned seed = 0; seed < kSeedsEach && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    std::size_t spawned = 0;
    std::size_t fired = 0;
    std::size_t bodies_left = 0;

    run_schedule(
        seed,
        [&](Chance& chance) {
          std::vector<GreenletRef> all;
          const auto add = [&](const GreenletRef& greenlet) {
            greenlet->rawlink([&fired](Greenlet& ended) { fired += ended.ready() ? 1 : 0; });
            all.push_back(greenlet);
            ++spawned;
          };
          for (int i = 0; i < 12; ++i) {
            add(spawn([&] {
              const struct Leave {
                std::size_t& left;
                ~Leave() { ++left; }
              } leave{bodies_left};
              for (int step = 0; step < 4; ++step) {
                const GreenletRef other = all[chance.below(all.size())];
                if (other.get() == current()) continue;
                perhaps_timed_out(chance, [&] { other->join(0ms); });
                if (chance.one_in(4)) other->kill(chance.deadline());
                if (chance.one_in(8)) spawn([&] { chance.pause(); });
                chance.pause();
              }
            }));
            chance.pause();
          }
          join_all(all);
          testing::settle();
        },
        [] {});
    EXPECT_EQ(fired, spawned);
    EXPECT_LE(bodies_left, spawned);
  }
}

TEST(RandomSchedule, ConditionLosesNoNotification) {
  for (unsigned seed = 0; seed < kSeedsEach && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Condition condition;
    std::size_t jobs = 0;

    const auto take_one = [&](Chance& chance) {
      const std::lock_guard guard(condition.lock());
      if (condition.wait_for([&] { return jobs > 0; }, chance.deadline())) --jobs;
      EXPECT_TRUE(condition.lock().owned());
    };

    run_schedule(
        seed,
        [&](Chance& chance) {
          std::vector<GreenletRef> workers;
          for (int i = 0; i < 5; ++i) {
            workers.push_back(spawn([&] {
              for (int step = 0; step < 6; ++step)
                perhaps_timed_out(chance, [&] { take_one(chance); });
            }));
          }
          const auto giver = spawn([&] {
            for (int job = 0; job < 30; ++job) {
              {
                const std::lock_guard guard(condition.lock());
                ++jobs;
                condition.notify();
              }
              chance.pause();
            }
          });
          kill_some(chance, workers);
          giver->join();
          testing::settle();
          // One notification for one job: a waiter beside a job that nobody takes has missed its own.
          for (int turn = 0; turn < 50 && condition.lock().locked(); ++turn)
            yield();
          EXPECT_TRUE(jobs == 0 || condition.waiting() == 0);
          kill_all(workers);
        },
        [] {});
    EXPECT_FALSE(condition.lock().locked());
  }
}

TEST(RandomSchedule, PoolKeepsItsLimitAndLosesNoPlace) {
  for (unsigned seed = 0; seed < kSeedsEach && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    const std::size_t limit = 1 + seed % 3;
    Pool pool(limit);
    std::size_t working = 0;

    run_schedule(
        seed,
        [&](Chance& chance) {
          std::vector<GreenletRef> all;
          for (int i = 0; i < 4; ++i) {
            all.push_back(spawn([&] {
              for (int step = 0; step < 5; ++step) {
                perhaps_timed_out(chance, [&] {
                  const auto worker = pool.spawn([&] {
                    ++working;
                    const struct Leave {
                      std::size_t& working;
                      ~Leave() { --working; }
                    } leave{working};
                    chance.pause();
                  });
                  if (chance.one_in(4)) worker->kill_soon();
                  if (chance.one_in(8)) pool.discard(*worker);
                });
                chance.pause();
              }
            }));
          }
          kill_some(chance, all);
          EXPECT_TRUE(join_all(all));
          EXPECT_TRUE(pool.join());
          for (int turn = 0; turn < 10; ++turn)
            yield();  // what was discarded
        },
        [&] { EXPECT_LE(pool.size() + pool.free_count(), limit); });
    EXPECT_EQ(pool.free_count(), limit);
    EXPECT_EQ(working, 0u);
  }
}

TEST(RandomSchedule, WaitSetTellsOfEachObjectOnce) {
  for (unsigned seed = 0; seed < kSeedsEach && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    run_schedule(
        seed,
        [&](Chance& chance) {
          std::vector<GreenletRef> workers;
          WaitSet set;
          for (int i = 0; i < 6; ++i) {
            workers.push_back(spawn([&] { chance.pause(); }));
            set.add(*workers.back());
          }
          std::multiset<std::size_t> told;
          const auto killer = spawn([&] { kill_some(chance, workers); });
          while (set.remaining() > 0) {
            perhaps_timed_out(chance, [&] {
              if (const auto number = set.next(chance.deadline())) told.insert(*number);
            });
          }
          EXPECT_EQ(told, (std::multiset<std::size_t>{0, 1, 2, 3, 4, 5}));
          killer->join();
          testing::settle();
        },
        [] {});
  }
}

}  // namespace
}  // namespace greenrt
