#include "greenrt/subprocess.h"

#include <signal.h>

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Options = Subprocess::Options;
constexpr auto kPipe = Subprocess::kPipe;

HUB_TEST(Subprocess, TellsHowItEnded) {
  EXPECT_EQ(Subprocess({"true"}).wait(), ExitStatus{});
  EXPECT_EQ(Subprocess({"sh", "-c", "exit 3"}).wait(), ExitStatus{.code = 3});
  EXPECT_EQ(Subprocess({"sh", "-c", "kill -TERM $$"}).wait(), ExitStatus{.signal = SIGTERM});
  EXPECT_TRUE(ExitStatus{}.success());
  EXPECT_FALSE(ExitStatus{.code = 3}.success());
  EXPECT_FALSE(ExitStatus{.signal = SIGTERM}.success());
}

HUB_TEST(Subprocess, RunsWhileOtherGreenletsGoOn) {
  Subprocess waits({"cat"}, {.in = kPipe});
  EXPECT_EQ(waits.wait(1ms), std::nullopt);
  bool ended = false;
  const auto waiter = spawn([&] {
    waits.wait();
    ended = true;
  });
  testing::settle();
  EXPECT_FALSE(ended);
  EXPECT_EQ(waits.poll(), std::nullopt);
  waits.in().close();
  waiter->get();
  EXPECT_EQ(waits.poll(), ExitStatus{});
}

HUB_TEST(Subprocess, CommunicatesMoreThanItsPipesHold) {
  const std::string text(1'000'000, 'x');
  Subprocess cat({"cat"}, {.in = kPipe, .out = kPipe});
  const auto output = cat.communicate(text);
  EXPECT_EQ(output.out, text);
  EXPECT_TRUE(output.status.success());
}

HUB_TEST(Subprocess, KeepsOutputAndErrorsApart) {
  Subprocess program({"sh", "-c", "echo out; echo err >&2; exit 1"}, {.out = kPipe, .err = kPipe});
  const auto output = program.communicate();
  EXPECT_EQ(output.out, "out\n");
  EXPECT_EQ(output.err, "err\n");
  EXPECT_EQ(output.status.code, 1);
}

HUB_TEST(Subprocess, NeedNotReadItsInput) {
  Subprocess program({"true"}, {.in = kPipe});
  EXPECT_TRUE(program.communicate(std::string(1'000'000, 'x')).status.success());
}

HUB_TEST(Subprocess, ReadsNothingFromNull) {
  Subprocess program({"cat"}, {.in = Subprocess::kNull, .out = kPipe, .err = Subprocess::kNull});
  EXPECT_EQ(program.communicate().out, "");
}

HUB_TEST(Subprocess, CommunicateThrowsTimeoutExpiredAndLeavesTheProgramRunning) {
  Subprocess program({"cat"}, {.in = kPipe, .out = kPipe});
  EXPECT_THROW(
      {
        Subprocess sleeper({"sleep", "100"}, {.out = kPipe});
        sleeper.communicate({}, 1ms);
      },
      TimeoutExpired);
  const auto output = program.communicate("still here");
  EXPECT_EQ(output.out, "still here");
}

HUB_TEST(Subprocess, GreenletKilledInCommunicateLeavesNothingBehind) {
  Subprocess program({"sleep", "100"}, {.out = kPipe});
  const auto killed = spawn([&] { program.communicate(); });
  testing::settle();
  killed->kill();
  EXPECT_EQ(program.poll(), std::nullopt);
}

HUB_TEST(Subprocess, GetsSignals) {
  Subprocess program({"sleep", "100"});
  program.terminate();
  EXPECT_EQ(program.wait(), ExitStatus{.signal = SIGTERM});
  program.kill();  // it has ended: nobody else is hit
}

HUB_TEST(Subprocess, IsKilledAndReapedWhenDestroyed) {
  pid_t pid = -1;
  {
    const Subprocess program({"sleep", "100"});
    pid = program.pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

HUB_TEST(Subprocess, MayBeDestroyedWhereChildrenAreReapedUnseen) {
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  {
    // From the start on, one that ends at once could be gone before it is held by a descriptor.
    Subprocess program({"sleep", "600"});
    ::sigaction(SIGCHLD, &ignore, &before);
    program.kill();
    try {
      program.wait();
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::no_child_process);
    }
  }
  ::sigaction(SIGCHLD, &before, nullptr);
}

HUB_TEST(Subprocess, StartsWithDefaultSignals) {
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  Subprocess program({"sh", "-c", "kill -PIPE $$; echo not reached"}, {.out = kPipe});
  ::sigaction(SIGPIPE, &before, nullptr);
  const auto output = program.communicate();
  EXPECT_EQ(output.out, "");
  EXPECT_EQ(output.status, ExitStatus{.signal = SIGPIPE});
}

HUB_TEST(Subprocess, SaysWhyItCannotStart) {
  try {
    Subprocess program({"/no/such/program"}, {.in = kPipe, .out = kPipe});
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_THAT(error.what(), HasSubstr("/no/such/program"));
  }
  EXPECT_THROW(Subprocess({}), std::invalid_argument);
}

HUB_TEST(Subprocess, HasOnlyThePipesThatItWasGiven) {
  Subprocess program({"true"});
  EXPECT_THROW(program.in(), std::logic_error);
  EXPECT_THROW(program.out(), std::logic_error);
  EXPECT_THROW(program.err(), std::logic_error);
}

}  // namespace
}  // namespace greenrt
