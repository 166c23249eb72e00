// Random schedules in a Simulation: greenlets do random things with one primitive while others kill them, timeouts go
// off, and one of them is killed, or timed out, at a turn of the seed's choice. Whatever happens, nothing may be lost,
// nobody may wait in vain, and nothing may be left. Each seed is one schedule, always the same; a failure names it.
//
// HILERA_SEEDS=10000 runs so many each, HILERA_SEED=n begins there.

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "greenrt/async_result.h"
#include "greenrt/condition.h"
#include "greenrt/deadline_scope.h"
#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "greenrt/imap.h"
#include "greenrt/pool.h"
#include "greenrt/queue.h"
#include "greenrt/rlock.h"
#include "greenrt/semaphore.h"
#include "greenrt/simulation.h"
#include "greenrt/timeout.h"
#include "greenrt/wait_set.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kSeeds = 500;
constexpr int kChecks = 20000;             // far more than a schedule takes
constexpr unsigned kLongestSchedule = 60;  // turns of workers, of which one may be struck

unsigned number_from_environment(const char* variable, unsigned otherwise) {
  const char* text = std::getenv(variable);
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : otherwise;
}

// Calls schedule(seed) for each seed until one fails.
void for_each_seed(const std::function<void(unsigned)>& schedule) {
  const unsigned first = number_from_environment("HILERA_SEED", 0);
  const unsigned count = number_from_environment("HILERA_SEEDS", kSeeds);
  for (unsigned seed = first; seed < first + count && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("HILERA_SEED=" + std::to_string(seed));
    schedule(seed);
  }
}

// One run of one seed: what is left to chance, and the greenlets that may be struck.
class Trial {
 public:
  Trial(unsigned seed, Simulation& simulation) : random_(seed), simulation_(simulation) {}

  std::size_t below(std::size_t bound) { return random_() % bound; }
  bool one_in(std::size_t count) { return below(count) == 0; }
  void pause() {
    for (std::size_t turns = below(4); turns > 0; --turns)
      one_in(4) ? sleep(below(5) * 1us) : yield();
  }
  Deadline deadline() { return one_in(3) ? Deadline(below(4) * 2us) : Deadline::never(); }

  // Spawned. A TimeoutExpired ends it quietly: the simulation threw it.
  template <typename Body>
  GreenletRef worker(Body body) {
    GreenletRef greenlet = spawn([body = std::move(body)]() mutable {
      try {
        body();
      } catch (const TimeoutExpired&) {
      }
    });
    simulation_.expose(*greenlet);
    return greenlet;
  }

  // Every so often under a limit of time, of one kind or the other.
  template <typename Step>
  void perhaps_timed_out(Step step) {
    switch (below(6)) {
      case 0:
        return timed_out<Timeout>(step);
      case 1:
        return timed_out<DeadlineScope>(step);
      default:
        return step();
    }
  }

  void kill_some(const std::vector<GreenletRef>& victims) {
    for (std::size_t kills = below(12); kills > 0; --kills) {
      pause();
      victims[below(victims.size())]->kill_soon();
    }
  }

 private:
  template <typename Limit, typename Step>
  void timed_out(Step step) {
    Limit limit(below(4) * 2us);
    try {
      step();
    } catch (const TimeoutExpired& expired) {
      if (!limit.threw(expired)) throw;
    }
  }

  std::mt19937 random_;
  Simulation& simulation_;
};

// Who has asked for something and not got it yet, in order of asking.
class Tickets {
 public:
  class Ticket {
   public:
    explicit Ticket(Tickets& tickets) : tickets_(tickets), number_(tickets.next_++) {
      tickets_.waiting_.insert(number_);
    }
    ~Ticket() { give_back(); }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

    [[nodiscard]] bool is_first() const { return *tickets_.waiting_.begin() == number_; }
    void give_back() { tickets_.waiting_.erase(number_); }

   private:
    Tickets& tickets_;
    std::size_t number_;
  };

 private:
  std::size_t next_ = 0;
  std::set<std::size_t> waiting_;
};

// Until everybody waits for somebody, or for more than a second.
void settle() {
  sleep(1s);
}

// Checks whenever time goes on. Not for ever: when somebody waits in vain, the hub must be able to notice.
template <typename Check>
void run_schedule(unsigned seed, const std::function<void(Trial&)>& body, Check check) {
  SimulationOptions options{.seed = seed};
  const std::uint64_t turn = 1 + seed / 3 % kLongestSchedule;
  if (seed % 3 == 0) options.kill_at = turn;
  if (seed % 3 == 1) options.timeout_at = turn;
  Simulation simulation(options);
  testing::run_in_hub(
      [&] {
        Trial trial(seed, simulation);
        bool done = false;
        const auto watcher = spawn([&] {
          for (int checks = 0; checks < kChecks && !done; ++checks) {
            check();
            sleep(checks < 1000 ? Duration(1us) : Duration(1s));
          }
        });
        body(trial);
        done = true;
        watcher->get();
        settle();
      },
      {.simulation = &simulation});
}

TEST(RandomSchedule, SemaphoreLosesNoPermitAndGivesNoneTwice) {
  for_each_seed([&](unsigned seed) {
    const std::size_t permits = 1 + seed % 3;
    Semaphore semaphore(permits);
    std::size_t held = 0;
    Tickets tickets;

    const auto hold = [&](Trial& trial) {
      Tickets::Ticket ticket(tickets);
      if (!semaphore.acquire(trial.deadline())) return;
      EXPECT_TRUE(permits > 1 || ticket.is_first()) << "somebody has asked before";
      ticket.give_back();
      ++held;
      const struct Release {
        Semaphore& semaphore;
        std::size_t& held;
        ~Release() {
          --held;
          semaphore.release();
        }
      } release{semaphore, held};
      trial.pause();
    };

    run_schedule(
        seed,
        [&](Trial& trial) {
          std::vector<GreenletRef> workers;
          for (int i = 0; i < 6; ++i) {
            workers.push_back(trial.worker([&] {
              for (int step = 0; step < 8; ++step)
                trial.perhaps_timed_out([&] { hold(trial); });
            }));
          }
          trial.kill_some(workers);
          EXPECT_TRUE(join_all(workers));
        },
        [&] {
          EXPECT_LE(held, permits);
          EXPECT_TRUE(semaphore.permits() == 0 || semaphore.waiting() == 0);
        });
    EXPECT_EQ(held, 0u);
    EXPECT_EQ(semaphore.permits(), permits);
    EXPECT_EQ(semaphore.waiting(), 0u);
  });
}

TEST(RandomSchedule, RLockHasOneOwnerAndServesInTheOrderOfAsking) {
  for_each_seed([&](unsigned seed) {
    RLock lock;
    std::size_t inside = 0;
    Tickets tickets;

    const auto enter = [&](Trial& trial) {
      Tickets::Ticket ticket(tickets);
      if (!lock.acquire(trial.deadline())) return;
      const std::lock_guard first(lock, std::adopt_lock);
      EXPECT_TRUE(ticket.is_first()) << "somebody has asked before";
      ticket.give_back();
      const std::lock_guard second(lock);
      EXPECT_EQ(++inside, 1u);
      const struct Leave {
        std::size_t& inside;
        ~Leave() { --inside; }
      } leave{inside};
      trial.pause();
    };

    run_schedule(
        seed,
        [&](Trial& trial) {
          std::vector<GreenletRef> workers;
          for (int i = 0; i < 6; ++i) {
            workers.push_back(trial.worker([&] {
              for (int step = 0; step < 6; ++step)
                trial.perhaps_timed_out([&] { enter(trial); });
            }));
          }
          trial.kill_some(workers);
          EXPECT_TRUE(join_all(workers));
        },
        [] {});
    EXPECT_FALSE(lock.locked());
    EXPECT_EQ(lock.depth(), 0u);
  });
}

template <typename MakeQueue>
void queue_loses_no_item_and_gives_none_twice(MakeQueue make, bool fifo = false) {
  for_each_seed([&](unsigned seed) {
    auto queue = make(seed);
    std::set<int> put;        // put() has returned
    std::set<int> uncertain;  // put() was interrupted: before there was room, or just after
    std::vector<int> got;
    int next = 0;
    bool in_order = fifo;  // until a getter is broken off, whose item goes back to the front

    const auto put_one = [&](Trial& trial) {
      const int item = next++;
      uncertain.insert(item);
      try {
        queue.put(item, trial.deadline());
        put.insert(item);
      } catch (const QueueFull&) {
      }
      uncertain.erase(item);
    };
    const auto get_one = [&](Trial& trial, int& last) {
      bool broken_off = true;
      const struct Leave {
        ~Leave() { in_order = in_order && !broken_off; }
        bool& in_order;
        const bool& broken_off;
      } leave{in_order, broken_off};
      try {
        got.push_back(queue.get(trial.deadline()));
        broken_off = false;
        EXPECT_TRUE(!in_order || got.back() > last) << "an item has overtaken another";
        last = got.back();
      } catch (const QueueEmpty&) {
        broken_off = false;
      }
    };

    run_schedule(
        seed,
        [&](Trial& trial) {
          std::vector<GreenletRef> workers;
          for (int i = 0; i < 6; ++i) {
            workers.push_back(trial.worker([&, gets = i % 2 == 0] {
              int last = -1;
              for (int step = 0; step < 10; ++step) {
                trial.perhaps_timed_out([&] { gets ? get_one(trial, last) : put_one(trial); });
                trial.pause();
              }
            }));
          }
          trial.kill_some(workers);
          settle();
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
  });
}

// No bound, or one of 1 to 3 items.
template <typename AnyQueue>
AnyQueue with_bound(unsigned seed) {
  return AnyQueue(seed % 4 == 0 ? AnyQueue::kUnbounded : seed % 4);
}

TEST(RandomSchedule, QueueLosesNoItemAndGivesNoneTwice) {
  queue_loses_no_item_and_gives_none_twice(with_bound<Queue<int>>, true);
}

TEST(RandomSchedule, LifoQueueLosesNoItemAndGivesNoneTwice) {
  queue_loses_no_item_and_gives_none_twice(with_bound<LifoQueue<int>>);
}

TEST(RandomSchedule, PriorityQueueLosesNoItemAndGivesNoneTwice) {
  queue_loses_no_item_and_gives_none_twice(with_bound<PriorityQueue<int, std::greater<>>>);
}

TEST(RandomSchedule, ChannelLosesNoItemAndGivesNoneTwice) {
  queue_loses_no_item_and_gives_none_twice([](unsigned) { return Channel<int>(); }, true);
}

TEST(RandomSchedule, JoinableQueueIsJoinedWhenEveryItemIsDone) {
  for_each_seed([&](unsigned seed) {
    auto queue = with_bound<JoinableQueue<int>>(seed);
    std::size_t put = 0;
    std::size_t done = 0;

    run_schedule(
        seed,
        [&](Trial& trial) {
          std::vector<GreenletRef> putters;
          for (int i = 0; i < 3; ++i) {
            putters.push_back(trial.worker([&] {
              for (int step = 0; step < 5; ++step) {
                queue.put(step);
                ++put;
                trial.pause();
              }
            }));
          }
          const auto worker = spawn([&] {
            while (true) {
              queue.get();
              trial.pause();
              ++done;
              queue.task_done();
            }
          });
          trial.kill_some(putters);
          EXPECT_TRUE(join_all(putters));
          EXPECT_TRUE(queue.join());
          EXPECT_TRUE(queue.empty());
          EXPECT_GE(done, put) << "a put that was broken off may still have been made";
          worker->kill();
        },
        [] {});
  });
}

TEST(RandomSchedule, AsyncResultGivesEverybodyTheSame) {
  for_each_seed([&](unsigned seed) {
    AsyncResult<int> result;
    std::set<int> seen;

    run_schedule(
        seed,
        [&](Trial& trial) {
          std::vector<GreenletRef> getters;
          for (int i = 0; i < 6; ++i) {
            getters.push_back(trial.worker([&] {
              trial.pause();
              trial.perhaps_timed_out([&] { seen.insert(result.get()); });
            }));
          }
          const auto killer = spawn([&] { trial.kill_some(getters); });
          const auto setter = spawn([&] {
            trial.pause();
            result.set(7);
          });
          EXPECT_TRUE(join_all(getters));
          join_all({killer, setter});
        },
        [] {});
    EXPECT_TRUE(seen.empty() || seen == std::set<int>{7});
  });
}

TEST(RandomSchedule, LimitsOfTimeNestAndAreToldApart) {
  for_each_seed([&](unsigned seed) {
    run_schedule(
        seed,
        [&](Trial& trial) {
          Event never;
          const std::function<void(int)> nest = [&](int depth) {
            trial.perhaps_timed_out([&] {
              const Deadline before = current_deadline();
              if (depth > 0) nest(depth - 1);
              EXPECT_EQ(current_deadline().time(), before.time());
              never.wait(trial.below(4) * 1us);
            });
          };
          std::vector<GreenletRef> workers;
          for (int i = 0; i < 4; ++i) {
            workers.push_back(trial.worker([&] {
              for (int step = 0; step < 4; ++step)
                nest(3);
              EXPECT_TRUE(current_deadline().is_never());
              sleep(20us);  // what was left behind would be thrown here, and end it before its time
            }));
          }
          trial.kill_some(workers);
          EXPECT_TRUE(join_all(workers));
          for (const GreenletRef& worker : workers)
            EXPECT_TRUE(worker->successful());
        },
        [] {});
  });
}

TEST(RandomSchedule, ImapGivesEverythingInOrderAndLeavesNothingBehind) {
  for_each_seed([&](unsigned seed) {
    Pool pool(1 + seed % 3);
    run_schedule(
        seed,
        [&](Trial& trial) {
          const auto consumer = trial.worker([&] {
            std::vector<int> inputs(8);
            std::iota(inputs.begin(), inputs.end(), 0);
            int expected = 0;
            const auto twice = [&](int number) {
              trial.pause();
              return 2 * number;
            };
            for (const int doubled : pool.imap(inputs, twice)) {
              EXPECT_EQ(doubled, 2 * expected++);
              trial.pause();
            }
            EXPECT_EQ(expected, 8);
          });
          trial.kill_some({consumer});
          EXPECT_TRUE(consumer->join());
          EXPECT_TRUE(pool.join());
        },
        [&] { EXPECT_LE(pool.size() + pool.free_count(), 1 + seed % 3); });
    EXPECT_EQ(pool.free_count(), 1 + seed % 3);
  });
}

TEST(RandomSchedule, EventWakesEverybodyWhoWaitedWhenItWasSet) {
  for_each_seed([&](unsigned seed) {
    Event event;
    std::size_t sets = 0;

    const auto wait_one = [&](Trial& trial) {
      const std::size_t before = sets;
      const Deadline deadline = trial.deadline();
      if (event.wait(deadline)) {
        EXPECT_TRUE(event.is_set() || sets > before);
      } else {
        EXPECT_FALSE(deadline.is_never());
        EXPECT_EQ(sets, before);
      }
    };

    run_schedule(
        seed,
        [&](Trial& trial) {
          std::vector<GreenletRef> workers;
          for (int i = 0; i < 6; ++i) {
            workers.push_back(trial.worker([&] {
              for (int step = 0; step < 8; ++step) {
                trial.perhaps_timed_out([&] { wait_one(trial); });
                trial.pause();
              }
            }));
          }
          const auto setter = spawn([&] {
            while (true) {
              event.set();
              ++sets;
              trial.pause();
              event.clear();
              yield();
            }
          });
          trial.kill_some(workers);
          EXPECT_TRUE(join_all(workers));
          setter->kill();
        },
        [] {});
  });
}

TEST(RandomSchedule, EveryGreenletEndsAndEveryLinkFiresOnce) {
  for_each_seed([&](unsigned seed) {
    std::size_t spawned = 0;
    std::size_t fired = 0;
    std::size_t bodies_begun = 0;
    std::size_t bodies_left = 0;

    run_schedule(
        seed,
        [&](Trial& trial) {
          std::vector<GreenletRef> all;
          const auto add = [&](const GreenletRef& greenlet) {
            greenlet->rawlink([&fired](Greenlet& ended) { fired += ended.ready() ? 1 : 0; });
            all.push_back(greenlet);
            ++spawned;
          };
          for (int i = 0; i < 12; ++i) {
            add(trial.worker([&] {
              ++bodies_begun;
              const struct Leave {
                std::size_t& left;
                ~Leave() { ++left; }
              } leave{bodies_left};
              for (int step = 0; step < 4; ++step) {
                const GreenletRef other = all[trial.below(all.size())];
                if (other.get() == current()) continue;
                trial.perhaps_timed_out([&] { other->join(0ms); });
                if (trial.one_in(4)) other->kill(trial.deadline());
                if (trial.one_in(8)) spawn([&] { trial.pause(); });
                trial.pause();
              }
            }));
            trial.pause();
          }
          join_all(all);
          settle();
        },
        [] {});
    EXPECT_EQ(fired, spawned);
    EXPECT_EQ(bodies_left, bodies_begun);
  });
}

TEST(RandomSchedule, ConditionLosesNoNotification) {
  for_each_seed([&](unsigned seed) {
    Condition condition;
    std::size_t jobs = 0;

    const auto take_one = [&](Trial& trial) {
      const std::lock_guard guard(condition.lock());
      if (condition.wait_for([&] { return jobs > 0; }, trial.deadline())) --jobs;
      EXPECT_TRUE(condition.lock().owned());
    };

    run_schedule(
        seed,
        [&](Trial& trial) {
          std::vector<GreenletRef> workers;
          for (int i = 0; i < 5; ++i) {
            workers.push_back(trial.worker([&] {
              for (int step = 0; step < 6; ++step)
                trial.perhaps_timed_out([&] { take_one(trial); });
            }));
          }
          const auto giver = spawn([&] {
            for (int job = 0; job < 30; ++job) {
              {
                const std::lock_guard guard(condition.lock());
                ++jobs;
                condition.notify();
              }
              trial.pause();
            }
          });
          trial.kill_some(workers);
          giver->join();
          settle();
          // One notification for one job: a waiter beside a job that nobody takes has missed its own.
          EXPECT_TRUE(jobs == 0 || condition.waiting() == 0);
          kill_all(workers);
        },
        [] {});
    EXPECT_FALSE(condition.lock().locked());
  });
}

TEST(RandomSchedule, PoolKeepsItsLimitAndLosesNoPlace) {
  for_each_seed([&](unsigned seed) {
    const std::size_t limit = 1 + seed % 3;
    Pool pool(limit);
    std::size_t working = 0;

    run_schedule(
        seed,
        [&](Trial& trial) {
          std::vector<GreenletRef> all;
          for (int i = 0; i < 4; ++i) {
            all.push_back(trial.worker([&] {
              for (int step = 0; step < 5; ++step) {
                trial.perhaps_timed_out([&] {
                  const auto worker = pool.spawn([&] {
                    ++working;
                    const struct Leave {
                      std::size_t& working;
                      ~Leave() { --working; }
                    } leave{working};
                    trial.pause();
                  });
                  if (trial.one_in(4)) worker->kill_soon();
                  if (trial.one_in(8)) pool.discard(*worker);
                });
                trial.pause();
              }
            }));
          }
          trial.kill_some(all);
          EXPECT_TRUE(join_all(all));
          EXPECT_TRUE(pool.join());
          settle();  // what was discarded
        },
        [&] { EXPECT_LE(pool.size() + pool.free_count(), limit); });
    EXPECT_EQ(pool.free_count(), limit);
    EXPECT_EQ(working, 0u);
  });
}

TEST(RandomSchedule, WaitSetTellsOfEachObjectOnce) {
  for_each_seed([&](unsigned seed) {
    run_schedule(
        seed,
        [&](Trial& trial) {
          std::vector<GreenletRef> workers;
          WaitSet set;
          for (int i = 0; i < 6; ++i) {
            workers.push_back(trial.worker([&] { trial.pause(); }));
            set.add(*workers.back());
          }
          std::multiset<std::size_t> told;
          const auto killer = spawn([&] { trial.kill_some(workers); });
          while (set.remaining() > 0) {
            trial.perhaps_timed_out([&] {
              if (const auto number = set.next(trial.deadline())) told.insert(*number);
            });
          }
          EXPECT_EQ(told, (std::multiset<std::size_t>{0, 1, 2, 3, 4, 5}));
          killer->join();
          settle();
        },
        [] {});
  });
}

}  // namespace
}  // namespace greenrt
