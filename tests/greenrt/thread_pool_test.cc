#include "greenrt/thread_pool.h"

#include <signal.h>

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::let_poll;
using testing::settle;

// A door that threads wait at.
class Gate {
 public:
  void open() { promise_.set_value(); }
  void wait() const { future_.wait(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
};

HUB_TEST(ThreadPool, GivesTheResult) {
  ThreadPool pool(2);
  EXPECT_EQ(pool.run([] { return std::string("done"); }), "done");
  bool ran = false;
  pool.run([&] { ran = true; });
  EXPECT_TRUE(ran);
  EXPECT_EQ(*pool.run([number = std::make_unique<int>(3)] { return std::make_unique<int>(*number + 1); }), 4);
  EXPECT_EQ(pool.outstanding(), 0u);
}

HUB_TEST(ThreadPool, RunsOnAnotherThreadWhileGreenletsGoOn) {
  ThreadPool pool(1);
  Gate gate;
  std::thread::id there;
  const auto call = spawn([&] {
    pool.run([&] {
      gate.wait();
      there = std::this_thread::get_id();
    });
  });
  let_poll();
  EXPECT_FALSE(call->ready());
  gate.open();
  call->join();
  EXPECT_NE(there, std::this_thread::get_id());
}

HUB_TEST(ThreadPool, ThrowsTheExceptionOfTheCall) {
  ThreadPool pool(1);
  EXPECT_THROW(pool.run([]() -> int { throw std::runtime_error("failed"); }), std::runtime_error);
  EXPECT_EQ(pool.run([] { return 1; }), 1);
}

HUB_TEST(ThreadPool, IsBoundedInThreadsAndServesInOrder) {
  ThreadPool pool(2);
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  std::vector<int> order;
  std::mutex mutex;
  std::vector<GreenletRef> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(spawn([&, i] {
      pool.run([&, i] {
        const int now = ++running;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        {
          const std::lock_guard lock(mutex);
          order.push_back(i);
        }
        --running;
      });
    }));
  }
  join_all(all);
  EXPECT_LE(most, 2);
  EXPECT_EQ(order.size(), 20u);
}

HUB_TEST(ThreadPool, OneThreadServesInOrderOfAsking) {
  ThreadPool pool(1);
  std::vector<int> order;
  std::vector<GreenletRef> all;
  for (int i = 0; i < 5; ++i)
    all.push_back(spawn([&, i] { pool.run([&order, i] { order.push_back(i); }); }));
  join_all(all);
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
}

HUB_TEST(ThreadPool, CallUnderWayGoesOnWhenItsDeadlinePasses) {
  ThreadPool pool(1);
  Gate started;
  Gate gate;
  auto finished = std::make_shared<std::atomic<bool>>(false);
  const auto call = spawn([&] {
    EXPECT_THROW(pool.run(
                     [&started, &gate, finished] {
                       started.open();
                       gate.wait();
                       *finished = true;
                     },
                     1ms),
                 TimeoutExpired);
  });
  yield();
  started.wait();
  call->get();
  EXPECT_EQ(pool.outstanding(), 1u);
  gate.open();
  EXPECT_EQ(pool.run([] { return 2; }), 2);
  EXPECT_TRUE(*finished);
  EXPECT_EQ(pool.outstanding(), 0u);
}

HUB_TEST(ThreadPool, CallUnderWayGoesOnWhenItsGreenletIsKilled) {
  ThreadPool pool(1);
  Gate started;
  Gate gate;
  const auto call = spawn([&] {
    pool.run([&] {
      started.open();
      gate.wait();
      return std::string(1000, 'x');
    });
  });
  yield();
  started.wait();
  call->kill();
  EXPECT_EQ(pool.outstanding(), 1u);
  gate.open();
  EXPECT_EQ(pool.run([] { return 2; }), 2);
  EXPECT_EQ(pool.outstanding(), 0u);
}

HUB_TEST(ThreadPool, CallThatHasNotStartedIsWithdrawnWithItsGreenlet) {
  ThreadPool pool(1);
  Gate gate;
  auto ran = std::make_shared<std::atomic<bool>>(false);
  const auto first = spawn([&] { pool.run([&] { gate.wait(); }); });
  const auto killed = spawn([&] { pool.run([ran] { *ran = true; }); });
  const auto late = spawn([&] { EXPECT_THROW(pool.run([ran] { *ran = true; }, 0ms), TimeoutExpired); });
  late->join();
  killed->kill();
  EXPECT_EQ(pool.outstanding(), 1u);
  EXPECT_EQ(ran.use_count(), 1);
  gate.open();
  first->join();
  EXPECT_EQ(pool.outstanding(), 0u);
  EXPECT_FALSE(*ran);
}

HUB_TEST(ThreadPool, OutstandingCallKeepsTheHubAlive) {
  ThreadPool pool(1);
  EXPECT_TRUE(pool.run([] {
    std::this_thread::sleep_for(5ms);
    return true;
  }));
  Event never;
  EXPECT_THROW(never.wait(), LoopExit);  // and the pool alone does not
}

HUB_TEST(ThreadPool, DestructorWaitsForTheCallUnderWayAndRefusesTheOthers) {
  auto pool = std::make_unique<ThreadPool>(1);
  Gate started;
  std::atomic<bool> finished = false;
  const auto under_way = spawn([&] {
    return pool->run([&] {
      started.open();
      std::this_thread::sleep_for(5ms);
      finished = true;
      return 9;
    });
  });
  const auto waiting = spawn([&] { EXPECT_THROW(pool->run([] {}), Closed); });
  const auto killed = spawn([&] { pool->run([] {}); });
  yield();
  started.wait();
  pool.reset();
  EXPECT_TRUE(finished);
  killed->kill();
  EXPECT_EQ(under_way->get(), 9);
  waiting->get();
  Event never;
  EXPECT_THROW(never.wait(), LoopExit);  // the loop's account is in order
}

HUB_TEST(ThreadPool, DestructorLeavesACallThatOutlastsItsPatienceToItself) {
  const auto started = std::make_shared<Gate>();
  const auto let_go = std::make_shared<Gate>();
  const auto gone = std::make_shared<Gate>();
  auto pool = std::make_unique<ThreadPool>(1, 1ms);
  const auto under_way = spawn([&, started, let_go, gone] {
    EXPECT_THROW(pool->run([started, let_go, gone] {
      started->open();
      let_go->wait();
      gone->open();
    }),
                 Closed);
  });
  yield();
  started->wait();
  pool.reset();
  under_way->get();
  Event never;
  EXPECT_THROW(never.wait(), LoopExit);  // the loop's account is in order
  let_go->open();
  gone->wait();
}

HUB_TEST(ThreadPool, ItsThreadsTakeNoSignals) {
  ThreadPool pool(1);
  const bool blocked = pool.run([] {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return ::sigismember(&mask, SIGTERM) == 1 && ::sigismember(&mask, SIGUSR1) == 1;
  });
  EXPECT_TRUE(blocked);
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(::sigismember(&mask, SIGTERM), 0);
}

HUB_TEST(ThreadPool, ServesManyGreenletsAtOnce) {
  ThreadPool pool(4);
  std::vector<Ref<GreenletOf<int>>> all;
  for (int i = 0; i < 300; ++i)
    all.push_back(spawn([&pool, i] { return pool.run([i] { return i * 2; }); }));
  for (int i = 0; i < 300; ++i)
    EXPECT_EQ(all[static_cast<std::size_t>(i)]->get(), i * 2);
}

}  // namespace
}  // namespace greenrt
