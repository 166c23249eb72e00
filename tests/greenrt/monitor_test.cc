#include "greenrt/monitor.h"

#include "greenrt/thread_pool.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;

struct Reports {
  Monitor::Report recorder() {
    return [this](const HubBlock& block) {
      const std::lock_guard guard(mutex);
      blocks.push_back(block);
      told = blocks.size();
    };
  }

  std::mutex mutex;
  std::vector<HubBlock> blocks;
  std::atomic<std::size_t> told = 0;
};

}  // namespace

// With a name that a backtrace can tell.
[[gnu::noinline]] void compute_until(const std::function<bool()>& done) {
  while (!done()) {
  }
}

namespace {

HUB_TEST(Monitor, TellsWhoBlocksTheHubAndWhere) {
  Reports reports;
  const Monitor monitor({.limit = 20ms}, reports.recorder());
  const auto hog = spawn([&] { compute_until([&] { return reports.told > 0; }); });
  hog->set_name("hog");
  hog->join();
  ASSERT_GE(monitor.blocks(), 1u);
  const std::lock_guard guard(reports.mutex);
  const HubBlock& block = reports.blocks.front();
  EXPECT_EQ(block.greenlet, "hog");
  EXPECT_GE(block.lasted, 20ms);
  EXPECT_EQ(block.untold, 0u);
  EXPECT_THAT(block.backtrace, Contains(HasSubstr("greenrt::compute_until(")));
}

HUB_TEST(Monitor, TellsTheNumberOfAGreenletWithoutAName) {
  Reports reports;
  const Monitor monitor({.limit = 20ms}, reports.recorder());
  const auto hog = spawn([&] { compute_until([&] { return reports.told > 0; }); });
  hog->join();
  const std::lock_guard guard(reports.mutex);
  EXPECT_EQ(reports.blocks.front().greenlet, "Greenlet-" + std::to_string(hog->number()));
}

HUB_TEST(Monitor, TellsOfACallbackThatBlocks) {
  Reports reports;
  const Monitor monitor({.limit = 20ms}, reports.recorder());
  Hub::current().run_callback([&] { compute_until([&] { return reports.told > 0; }); });
  yield();
  const std::lock_guard guard(reports.mutex);
  EXPECT_EQ(reports.blocks.front().greenlet, "callback");
}

HUB_TEST(Monitor, CountsTheBlocksThatItDoesNotReport) {
  Reports reports;
  const Monitor monitor({.limit = 10ms, .pause = 1h}, reports.recorder());
  for (std::uint64_t block = 1; block <= 3; ++block) {
    compute_until([&] { return monitor.blocks() >= block; });
    sleep(1ms);
  }
  compute_until([&] { return reports.told > 0; });
  EXPECT_GE(monitor.blocks(), 3u);
  EXPECT_EQ(reports.told, 1u);
}

HUB_TEST(Monitor, TellsHowManyItKeptToItself) {
  Reports reports;
  const Monitor monitor({.limit = 10ms, .pause = 200ms}, reports.recorder());
  while (reports.told < 2) {
    const std::uint64_t before = monitor.blocks();
    compute_until([&] { return monitor.blocks() > before; });
    sleep(1ms);
  }
  const std::lock_guard guard(reports.mutex);
  EXPECT_EQ(reports.blocks[0].untold, 0u);
  EXPECT_GE(monitor.blocks(), reports.blocks[1].untold + 2);
}

HUB_TEST(Monitor, EndsWithoutABlock) {
  const Monitor monitor({}, [](const HubBlock& block) { FAIL() << block.greenlet; });
}

HUB_TEST(Monitor, LeavesAThreadPoolAlone) {
  Reports reports;
  const Monitor monitor({.limit = 1h}, reports.recorder());
  ThreadPool pool(2);
  EXPECT_EQ(pool.run([] { return 5; }), 5);
  EXPECT_EQ(monitor.blocks(), 0u);
}

}  // namespace
}  // namespace greenrt
