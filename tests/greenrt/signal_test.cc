#include "greenrt/signal.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <vector>

#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::settle;

HUB_TEST(SignalHandler, IsCalledInAGreenletOfItsOwn) {
  Event handled;
  int number = 0;
  const SignalHandler handler(SIGUSR1, [&](int signal) {
    EXPECT_NE(current(), nullptr);
    yield();
    number = signal;
    handled.set();
  });
  ::raise(SIGUSR1);
  EXPECT_TRUE(handled.wait(10s));
  EXPECT_EQ(number, SIGUSR1);
  settle();
}

HUB_TEST(SignalHandler, EachSignalHasItsOwn) {
  std::vector<int> handled;
  const SignalHandler one(SIGUSR1, [&](int signal) { handled.push_back(signal); });
  const SignalHandler two(SIGUSR2, [&](int signal) { handled.push_back(signal); });
  ::raise(SIGUSR2);
  while (handled.empty())
    sleep(1ms);
  ::raise(SIGUSR1);
  while (handled.size() < 2)
    sleep(1ms);
  EXPECT_THAT(handled, ElementsAre(SIGUSR2, SIGUSR1));
}

HUB_TEST(SignalHandler, IsCalledEachTime) {
  int calls = 0;
  const SignalHandler handler(SIGUSR1, [&](int) { ++calls; });
  for (int i = 1; i <= 3; ++i) {
    ::raise(SIGUSR1);
    while (calls < i)
      sleep(1ms);
  }
  EXPECT_EQ(calls, 3);
}

HUB_TEST(SignalHandler, ErrorInItIsReported) {
  auto handler = std::make_unique<SignalHandler>(SIGUSR1, [](int) { throw std::runtime_error("oops"); });
  ::raise(SIGUSR1);
  while (testing::reported_errors().empty())
    sleep(1ms);
  EXPECT_THAT(testing::take_errors(), ElementsAre(HasSubstr("oops")));
}

HUB_TEST(SignalHandler, MayBeDestroyedWhileItsGreenletRuns) {
  Event release;
  bool finished = false;
  auto handler = std::make_unique<SignalHandler>(SIGUSR1, [&](int) {
    release.wait();
    finished = true;
  });
  ::raise(SIGUSR1);
  while (Hub::current().stats().greenlets < 2)
    sleep(1ms);
  handler.reset();
  release.set();
  settle();
  EXPECT_TRUE(finished);
}

HUB_TEST(SignalHandler, DoesNotKeepTheHubAlive) {
  const SignalHandler handler(SIGUSR1, [](int) {});
  Event never;
  EXPECT_THROW(never.wait(), LoopExit);
}

HUB_TEST(SignalHandler, GivesTheSignalBackToItsDefault) {
  {
    const SignalHandler handler(SIGUSR1, [](int) {});
  }
  struct sigaction action {};
  ::sigaction(SIGUSR1, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

HUB_TEST(IgnoreSigpipe, LetsAWriteToAClosedConnectionFail) {
  ignore_sigpipe();
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ::close(ends[0]);
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  ::close(ends[1]);
}

}  // namespace
}  // namespace greenrt
