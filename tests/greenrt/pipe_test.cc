#include "greenrt/pipe.h"

#include <signal.h>

#include <array>
#include <string>
#include <system_error>

#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;

HUB_TEST(Pipe, CarriesMoreThanItHoldsAtATime) {
  auto [reading, writing] = PipeEnd::make();
  const std::string text(1'000'000, 'x');
  const auto writer = spawn([&end = writing, &text] {
    end.write_all(text);
    end.close();
  });
  EXPECT_EQ(reading.read_all(), text);
  writer->get();
}

HUB_TEST(Pipe, ReadYieldsUntilThereAreBytes) {
  auto [reading, writing] = PipeEnd::make();
  std::array<std::byte, 8> buffer;
  const auto writer = spawn([&end = writing] { end.write_all("abc"); });
  EXPECT_EQ(reading.read_some(buffer), 3u);
  writer->get();
  writing.close();
  EXPECT_EQ(reading.read_some(buffer), 0u);
}

HUB_TEST(Pipe, ThrowsTimeoutExpiredAtTheDeadline) {
  auto [reading, writing] = PipeEnd::make();
  std::array<std::byte, 8> buffer;
  EXPECT_FALSE(reading.wait_read(1ms));
  EXPECT_THROW(reading.read_some(buffer, 1ms), TimeoutExpired);
  EXPECT_TRUE(writing.wait_write());
  EXPECT_THROW(writing.write_all(std::string(1'000'000, 'x'), 1ms), TimeoutExpired);
}

HUB_TEST(Pipe, WritingToAPipeThatNobodyReadsFailsWithoutASignal) {
  auto [reading, writing] = PipeEnd::make();
  reading.close();
  struct sigaction before {};
  ::sigaction(SIGPIPE, nullptr, &before);
  ASSERT_EQ(before.sa_handler, SIG_DFL) << "otherwise this test tests nothing";
  for (int times = 0; times < 2; ++times) {
    try {
      writing.write_all("x");
      FAIL();
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::broken_pipe);
    }
  }
  sigset_t blocked;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  EXPECT_FALSE(::sigismember(&blocked, SIGPIPE));
}

HUB_TEST(Pipe, CloseWakesWhoWaitsWithClosed) {
  auto [reading, writing] = PipeEnd::make();
  const auto reader = spawn([&end = reading] { EXPECT_THROW(end.read_all(), Closed); });
  yield();
  reading.close();
  reader->get();
  EXPECT_THROW(reading.wait_read(), Closed);
  EXPECT_THROW(reading.wait_write(), Closed);
  EXPECT_THROW(reading.read_all(), Closed);
  EXPECT_THROW(reading.write_all("x"), Closed);
  reading.close();
}

}  // namespace
}  // namespace greenrt
