#include "greenrt/poll.h"

#include <unistd.h>

#include <array>
#include <string>

#include "greenrt/greenlet.h"
#include "greenrt/pipe.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;

HUB_TEST(Poll, TellsAtOnceWhatIsReady) {
  auto [reading, writing] = PipeEnd::make();
  std::array<pollfd, 2> fds{{{reading.fd(), POLLIN, 0}, {writing.fd(), POLLOUT, 0}}};
  EXPECT_EQ(poll(fds), 1u);
  EXPECT_EQ(fds[0].revents, 0);
  EXPECT_EQ(fds[1].revents, POLLOUT);
}

HUB_TEST(Poll, YieldsUntilOneIsReady) {
  auto [reading, writing] = PipeEnd::make();
  const auto writer = spawn([&end = writing] { end.write_all("x"); });
  std::array<pollfd, 1> fds{{{reading.fd(), POLLIN, 0}}};
  EXPECT_EQ(poll(fds), 1u);
  EXPECT_EQ(fds[0].revents, POLLIN);
  writer->get();
}

HUB_TEST(Poll, IsZeroAtTheDeadline) {
  auto [reading, writing] = PipeEnd::make();
  std::array<pollfd, 1> fds{{{reading.fd(), POLLIN, 0}}};
  EXPECT_EQ(poll(fds, 1ms), 0u);
  EXPECT_EQ(poll({}, 1ms), 0u);
}

HUB_TEST(Poll, SeesTheOtherEndClose) {
  auto [reading, writing] = PipeEnd::make();
  const auto closer = spawn([&end = writing] { end.close(); });
  std::array<pollfd, 1> fds{{{reading.fd(), POLLIN, 0}}};
  EXPECT_EQ(poll(fds), 1u);
  EXPECT_EQ(fds[0].revents, POLLHUP);
  closer->get();
}

HUB_TEST(Poll, FindsWhatIsNotOpenAndPassesOverWhatIsNegative) {
  std::array<pollfd, 2> fds{{{-1, POLLIN, 0}, {1000000, POLLIN, 0}}};
  EXPECT_EQ(poll(fds), 1u);
  EXPECT_EQ(fds[0].revents, 0);
  EXPECT_EQ(fds[1].revents, POLLNVAL);
}

HUB_TEST(Poll, SeveralGreenletsMayWaitForTheSameDescriptor) {
  auto [reading, writing] = PipeEnd::make();
  const auto wait = [fd = reading.fd()] {
    std::array<pollfd, 1> fds{{{fd, POLLIN, 0}}};
    return poll(fds);
  };
  const auto first = spawn(wait);
  const auto second = spawn(wait);
  yield();
  writing.write_all("x");
  EXPECT_EQ(first->get(), 1u);
  EXPECT_EQ(second->get(), 1u);
}

HUB_TEST(Poll, KilledOneLeavesNothingBehind) {
  auto [reading, writing] = PipeEnd::make();
  const auto killed = spawn([fd = reading.fd()] {
    std::array<pollfd, 1> fds{{{fd, POLLIN, 0}}};
    poll(fds);
  });
  yield();
  killed->kill();
  EXPECT_TRUE(killed->successful());
}

}  // namespace
}  // namespace greenrt
