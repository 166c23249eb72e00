#include "greenrt/greenlet_local.h"

#include <memory>
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

// Writes its name into a log when it goes.
struct Trace {
  std::vector<std::string>* log = nullptr;
  std::string name;
  Trace() = default;
  Trace(Trace&&) = delete;
  ~Trace() {
    if (log) log->push_back(name);
  }
};

HUB_TEST(GreenletLocal, IsAnotherOneInEachGreenlet) {
  GreenletLocal<int> local;
  *local = 1;
  spawn([&] {
    EXPECT_EQ(local.find(), nullptr);
    EXPECT_EQ(*local, 0);
    *local = 2;
    yield();
    EXPECT_EQ(*local, 2);
  })->get();
  EXPECT_EQ(*local, 1);
}

HUB_TEST(GreenletLocal, IsMadeAsItsMakerSays) {
  GreenletLocal<std::string> local([] { return "fresh"; });
  EXPECT_EQ(*local, "fresh");
  *local = "used";
  EXPECT_EQ(local->size(), 4u);
  local.reset();
  EXPECT_EQ(local.find(), nullptr);
  local.reset();
  EXPECT_EQ(*local, "fresh");
}

HUB_TEST(GreenletLocal, SeveralDoNotMeet) {
  GreenletLocal<int> first;
  GreenletLocal<int> second;
  *first = 1;
  *second = 2;
  first.reset();
  EXPECT_EQ(*second, 2);
}

HUB_TEST(GreenletLocal, ValuesGoBeforeTheEndOfTheGreenletIsSeenTheNewestFirst) {
  std::vector<std::string> log;
  GreenletLocal<std::unique_ptr<Trace>> a([] { return std::make_unique<Trace>(); });
  GreenletLocal<std::unique_ptr<Trace>> b([] { return std::make_unique<Trace>(); });
  const auto greenlet = spawn([&] {
    (*a)->log = &log;
    (*a)->name = "a";
    (*b)->log = &log;
    (*b)->name = "b";
  });
  greenlet->join();
  EXPECT_THAT(log, ElementsAre("b", "a"));
}

HUB_TEST(GreenletLocal, ValueGoesWhenItsGreenletIsKilled) {
  const auto shared = std::make_shared<int>(1);
  GreenletLocal<std::shared_ptr<int>> local;
  Event never;
  const auto greenlet = spawn([&] {
    *local = shared;
    never.wait();
  });
  yield();
  EXPECT_EQ(shared.use_count(), 2);
  greenlet->kill();
  EXPECT_EQ(shared.use_count(), 1);
}

HUB_TEST(GreenletLocal, DestructorOfAValueMayWaitThoughItsGreenletIsKilled) {
  struct Slow {
    bool* done = nullptr;
    ~Slow() {
      if (!done) return;
      sleep(1ms);
      *done = true;
    }
  };
  bool done = false;
  GreenletLocal<std::unique_ptr<Slow>> local([] { return std::make_unique<Slow>(); });
  const auto greenlet = spawn([&] { (*local)->done = &done; });
  yield();
  greenlet->kill();
  EXPECT_TRUE(done);
}

HUB_TEST(GreenletLocal, DestructorOfAValueMayUseLocals) {
  GreenletLocal<int> other;
  GreenletLocal<int> another([] { return 1; });
  struct User {
    GreenletLocal<int>* other = nullptr;
    GreenletLocal<int>* another = nullptr;
    int* seen = nullptr;
    ~User() {
      if (other) *seen = **other + **another;
    }
  };
  int seen = -1;
  GreenletLocal<std::unique_ptr<User>> local([] { return std::make_unique<User>(); });
  spawn([&] {
    *other = 4;
    (*local)->other = &other;
    (*local)->another = &another;
    (*local)->seen = &seen;
  })->join();
  EXPECT_EQ(seen, 5);
}

HUB_TEST(GreenletLocal, OutlivedByItsValues) {
  std::vector<std::string> log;
  Event release;
  auto local = std::make_unique<GreenletLocal<std::unique_ptr<Trace>>>([] { return std::make_unique<Trace>(); });
  const auto greenlet = spawn([&] {
    (**local)->log = &log;
    release.wait();
  });
  yield();
  local.reset();
  EXPECT_TRUE(log.empty());
  release.set();
  greenlet->join();
  EXPECT_EQ(log.size(), 1u);
}

HUB_TEST(GreenletLocal, NeedsAGreenlet) {
  GreenletLocal<int> local;
  Event done;
  Hub::current().run_callback([&] {
    EXPECT_THROW(*local, std::logic_error);
    done.set();
  });
  done.wait();
}

}  // namespace
}  // namespace greenrt
