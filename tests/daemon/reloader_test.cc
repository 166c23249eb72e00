#include "daemon/reloader.h"

#include <semaphore>

#include "tests/daemon/daemon_fixture.h"

namespace hilera {
namespace {

using namespace hilera::testing;

HUB_TEST(Reloader, TakesNothingThatWasReadWhenTheEndHadBegun) {
  IntakeWorld world;
  world.intake->start();
  Config config = test_config();
  Config wanted = config;
  wanted.listeners.pop_back();
  Logging logging{LogConfig()};
  std::binary_semaphore read_on(0);
  std::string refusal;
  {
    Reloader reloader(
        config, logging, *world.intake, nullptr, [](const ingest::Listener&) {},
        [&] {
          read_on.acquire();
          return wanted;
        });
    auto reloading = greenrt::spawn([&] {
      try {
        reloader.reload();
      } catch (const std::runtime_error& error) {
        refusal = error.what();
      }
    });
    greenrt::yield();
    reloader.stop();
    read_on.release();
    reloading->join();
    EXPECT_EQ(reloader.refused(), 1u);
  }
  EXPECT_EQ(refusal, "hilerad is ending");
  EXPECT_FALSE(world.trackers().retired());
  EXPECT_EQ(config, test_config());
}

}  // namespace
}  // namespace hilera
