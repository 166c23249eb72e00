#include "greenrt/fd_watcher.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;
using testing::let_poll;
using testing::settle;

// Two connected ends, [0] watched and [1] the peer's.
class SocketPair {
 public:
  SocketPair() {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds_.data()) != 0) std::abort();
  }
  ~SocketPair() {
    close(0);
    close(1);
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;

  int operator[](std::size_t end) const { return fds_.at(end); }
  void close(std::size_t end) {
    if (fds_.at(end) >= 0) ::close(std::exchange(fds_.at(end), -1));
  }
  void peer_writes() { ASSERT_EQ(::write(fds_[1], "x", 1), 1); }
  void read() {
    char byte = 0;
    ASSERT_EQ(::read(fds_[0], &byte, 1), 1);
  }
  // Until nothing more goes in.
  void fill() {
    const std::string block(4096, 'x');
    while (::write(fds_[0], block.data(), block.size()) > 0) {
    }
  }
  void peer_drains() {
    std::array<char, 65536> block{};
    while (::read(fds_[1], block.data(), block.size()) > 0) {
    }
  }

 private:
  std::array<int, 2> fds_{-1, -1};
};

HUB_TEST(FdWatcher, WakesWhenThereIsSomethingToRead) {
  SocketPair pair;
  FdWatcher watcher(pair[0]);
  const auto reader = spawn([&] { return watcher.wait_read(); });
  yield();
  EXPECT_STREQ(reader->waiting_for(), "reading");
  pair.peer_writes();
  EXPECT_TRUE(reader->get());
}

HUB_TEST(FdWatcher, WakesWhenThereIsRoomToWrite) {
  SocketPair pair;
  FdWatcher watcher(pair[0]);
  EXPECT_TRUE(watcher.wait_write());
  pair.fill();
  EXPECT_FALSE(watcher.wait_write(0ms));
  pair.peer_drains();
  EXPECT_TRUE(watcher.wait_write());
}

HUB_TEST(FdWatcher, BothDirectionsMayBeWaitedForAtOnce) {
  SocketPair pair;
  pair.fill();
  FdWatcher watcher(pair[0]);
  const auto reader = spawn([&] { return watcher.wait_read(); });
  const auto writer = spawn([&] { return watcher.wait_write(); });
  let_poll();
  EXPECT_FALSE(reader->ready());
  EXPECT_FALSE(writer->ready());
  pair.peer_drains();
  EXPECT_TRUE(writer->get());
  EXPECT_FALSE(reader->ready());
  pair.peer_writes();
  EXPECT_TRUE(reader->get());
}

HUB_TEST(FdWatcher, WaitIsFalseAtTheDeadline) {
  SocketPair pair;
  FdWatcher watcher(pair[0]);
  EXPECT_FALSE(watcher.wait_read(1ms));
  EXPECT_FALSE(watcher.wait_read(0ms));
  pair.peer_writes();
  EXPECT_TRUE(watcher.wait_read(0ms));
}

HUB_TEST(FdWatcher, SecondWaiterOnOneSideIsAMisuse) {
  SocketPair pair;
  FdWatcher watcher(pair[0]);
  const auto reader = spawn([&] { watcher.wait_read(); });
  yield();
  EXPECT_THROW(watcher.wait_read(), ConcurrentUse);
  EXPECT_TRUE(watcher.wait_write());
  pair.peer_writes();
  reader->get();
}

HUB_TEST(FdWatcher, CloseWakesBothSidesWithClosed) {
  SocketPair pair;
  pair.fill();
  FdWatcher watcher(pair[0]);
  const auto reader = spawn([&] { EXPECT_THROW(watcher.wait_read(), Closed); });
  const auto writer = spawn([&] { EXPECT_THROW(watcher.wait_write(1h), Closed); });
  let_poll();
  watcher.close();
  watcher.close();
  EXPECT_TRUE(watcher.closed());
  reader->get();
  writer->get();
  EXPECT_THROW(watcher.wait_read(), Closed);
}

HUB_TEST(FdWatcher, MayBeDestroyedUnderItsWaiters) {
  SocketPair pair;
  auto watcher = std::make_unique<FdWatcher>(pair[0]);
  const auto reader = spawn([&] { EXPECT_THROW(watcher->wait_read(1h), Closed); });
  yield();
  watcher.reset();
  reader->get();
}

HUB_TEST(FdWatcher, WaiterKilledAsTheWatcherIsDestroyedUnwindsCleanly) {
  SocketPair pair;
  auto watcher = std::make_unique<FdWatcher>(pair[0]);
  const auto reader = spawn([&] { watcher->wait_read(); });
  yield();
  watcher.reset();
  reader->kill();
  EXPECT_TRUE(reader->successful());
}

HUB_TEST(FdWatcher, KilledWaiterFreesItsSide) {
  SocketPair pair;
  FdWatcher watcher(pair[0]);
  const auto reader = spawn([&] { watcher.wait_read(); });
  yield();
  reader->kill();
  pair.peer_writes();
  EXPECT_TRUE(watcher.wait_read());
}

HUB_TEST(FdWatcher, WatchThatNobodyWaitsOnDoesNotSpin) {
  SocketPair pair;
  FdWatcher watcher(pair[0]);
  pair.peer_writes();
  EXPECT_TRUE(watcher.wait_read());  // and nobody reads what is there
  const auto passes = Hub::current().stats().passes;
  sleep(50ms);
  EXPECT_LE(Hub::current().stats().passes, passes + 4);
  EXPECT_TRUE(watcher.wait_read());
}

HUB_TEST(FdWatcher, WaiterKeepsTheHubAliveAndAWatchAloneDoesNot) {
  SocketPair pair;
  FdWatcher watcher(pair[0]);
  pair.peer_writes();
  EXPECT_TRUE(watcher.wait_read());
  Event never;
  EXPECT_THROW(never.wait(), LoopExit);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(watcher.wait_write());
    EXPECT_TRUE(watcher.wait_read());
  }
  EXPECT_THROW(never.wait(), LoopExit);
}

HUB_TEST(FdWatcher, DescriptorNumberMayBeUsedAgainAtOnce) {
  int number = -1;
  for (int round = 0; round < 5; ++round) {
    SocketPair pair;
    if (round == 0) number = pair[0];
    EXPECT_EQ(pair[0], number);
    FdWatcher watcher(pair[0]);
    const auto reader = spawn([&] { return watcher.wait_read(1h); });
    yield();
    if (round % 2 == 0) let_poll();  // the kernel knows of the watch, or does not yet
    pair.peer_writes();
    EXPECT_TRUE(reader->get());
    watcher.close();
    pair.close(0);
  }
}

HUB_TEST(FdWatcher, WaitersOfAClosedDescriptorGoWhileItsNumberIsWatchedAnew) {
  auto first = std::make_unique<SocketPair>();
  const int number = (*first)[0];
  std::optional<FdWatcher> old_watcher(std::in_place, number);
  const auto old_reader = spawn([&] { EXPECT_THROW(old_watcher->wait_read(), Closed); });
  let_poll();
  old_watcher->close();
  first.reset();

  SocketPair second;
  ASSERT_EQ(second[0], number);
  FdWatcher watcher(second[0]);
  const auto reader = spawn([&] { return watcher.wait_read(); });
  let_poll();
  EXPECT_FALSE(reader->ready());
  second.peer_writes();
  EXPECT_TRUE(reader->get());
  old_reader->get();
}

// A closed descriptor under an active watch aborts inside libev: the owner closes the watcher first.
HUB_TEST(FdWatcher, RegularFileIsAlwaysReady) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  {
    FdWatcher watcher(::fileno(file));
    EXPECT_TRUE(watcher.wait_read());
    EXPECT_TRUE(watcher.wait_write());
  }
  std::fclose(file);
  Event never;
  EXPECT_THROW(never.wait(), LoopExit);  // the loop's account is in order
}

HUB_TEST(FdWatcher, EndOfThePeerIsReadable) {
  SocketPair pair;
  FdWatcher watcher(pair[0]);
  const auto reader = spawn([&] { return watcher.wait_read(); });
  yield();
  pair.close(1);
  EXPECT_TRUE(reader->get());
}

HUB_TEST(FdWatcher, CallbackMustNotWaitOnIt) {
  SocketPair pair;
  FdWatcher watcher(pair[0]);
  Hub::current().run_callback([&] { EXPECT_THROW(watcher.wait_read(), std::logic_error); });
  settle();
  pair.peer_writes();
  EXPECT_TRUE(watcher.wait_read());
}

}  // namespace
}  // namespace greenrt
