#include "daemon/diagnosis.h"

#include <signal.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

#include "daemon/logging.h"
#include "greenrt/event.h"
#include "tests/support/hub_fixture.h"

namespace hilera {
namespace {

using namespace std::chrono_literals;
using greenrt::Hub;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

// What is logged in `body`.
template <typename Body>
std::string logged(Body body) {
  std::ostringstream out;
  {
    const Logging logging({}, std::make_shared<spdlog::sinks::ostream_sink_mt>(out), true);
    body();
  }
  return out.str();
}

HUB_TEST(Diagnosis, LogsAllGreenletsOnASignal) {
  const std::string log = logged([] {
    const Diagnosis diagnosis(1h);
    greenrt::Event never;
    const auto waiter = greenrt::spawn([&] { never.wait(); });
    waiter->set_name("who waits");
    const auto before = Hub::current().stats().spawned;
    ::raise(SIGUSR1);
    while (Hub::current().stats().spawned == before)
      greenrt::sleep(1ms);
    greenrt::yield();
    waiter->kill();
  });
  EXPECT_THAT(log, ContainsRegex("<6>greenlets number=3 switches=[0-9]+\n"));
  EXPECT_THAT(log, ContainsRegex("<6>greenlet is=\"  #[0-9]+ main: "));
  EXPECT_THAT(log, ContainsRegex("<6>greenlet is=\"    #[0-9]+ who waits: waits for Event, "));
}

HUB_TEST(Diagnosis, LogsWhatBlocksTheHub) {
  const std::string log = logged([] {
    const Diagnosis diagnosis(10ms);
    Metrics metrics;
    diagnosis.declare_metrics(metrics);
    while (metrics.text().find("hilera_hub_blocked_total 0\n") != std::string::npos) {
    }
  });
  EXPECT_THAT(log,
              ContainsRegex("<4>hub_blocked greenlet=main seconds=[0-9.e+-]+ backtrace=\".* < .*\" suppressed=0\n"));
}

HUB_TEST(Diagnosis, CountsTheCostOfEachKind) {
  const Diagnosis diagnosis(1h);
  Metrics metrics;
  diagnosis.declare_metrics(metrics);
  const auto worker = greenrt::spawn([] {
    for (int turn = 0; turn < 10'000; ++turn)
      greenrt::yield();
  });
  worker->set_kind(Hub::current().kind("worker"));
  worker->join();
  EXPECT_GT(Hub::current().stack_high_water(), 0u);
  const std::string text = metrics.text();
  EXPECT_THAT(text, ContainsRegex("\nhilera_greenlet_slice_seconds_count\\{kind=\"worker\"\\} [1-9]"));
  EXPECT_THAT(text, ContainsRegex("\nhilera_greenlet_delay_seconds_count\\{kind=\"worker\"\\} [1-9]"));
  EXPECT_THAT(text, ContainsRegex("\nhilera_greenlet_longest_slice_seconds\\{kind=\"worker\"\\} [0-9.]*[1-9]"));
  EXPECT_THAT(
      text, AllOf(HasSubstr("\nhilera_greenlet_stack_high_water_bytes{kind=\"other\"} "),
                  HasSubstr("\nhilera_greenlet_kills_swallowed_total 0\n"), HasSubstr("\nhilera_hub_switches_total ")));
}

}  // namespace
}  // namespace hilera
