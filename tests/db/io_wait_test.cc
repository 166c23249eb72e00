#include "db/io_wait.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "greenrt/stream.h"
#include "tests/support/hub_fixture.h"

namespace db {
namespace {

using greenrt::spawn;
using std::chrono::hours;
using std::chrono::milliseconds;

class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC | O_NONBLOCK), 0); }
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  [[nodiscard]] int read_end() const { return ends_[0]; }
  void fill() const { EXPECT_EQ(::write(ends_[1], "x", 1), 1); }

 private:
  std::array<int, 2> ends_{};
};

TEST(IoCall, PollsOutsideOfAnyCall) {
  const Pipe pipe;
  EXPECT_EQ(IoCall::wait(pipe.read_end(), 1, 1), 0);
  EXPECT_EQ(errno, ETIMEDOUT);
  pipe.fill();
  EXPECT_EQ(IoCall::wait(pipe.read_end(), 1, -1), 1);
}

TEST(IoCall, PollsUntilItsDeadlineOnAThreadWithoutHub) {
  const Pipe pipe;
  const IoCall call{greenrt::Deadline(milliseconds(1))};
  EXPECT_EQ(IoCall::wait(pipe.read_end(), 1, -1), 0);
  EXPECT_TRUE(call.expired());
}

TEST(IoCall, FailsEveryWaitAfterTheFirstThatFailed) {
  const Pipe pipe;
  const IoCall call{greenrt::Deadline(milliseconds(0))};
  EXPECT_EQ(IoCall::wait(pipe.read_end(), 1, -1), 0);
  pipe.fill();
  EXPECT_EQ(IoCall::wait(pipe.read_end(), 1, -1), 0);
}

TEST(IoCall, RefusesToWait) {
  const Pipe pipe;
  pipe.fill();
  const IoCall call;
  EXPECT_EQ(IoCall::wait(pipe.read_end(), 1, -1), 0);
}

TEST(IoCall, GivesWayToTheOuterCallAtItsEnd) {
  const Pipe pipe;
  pipe.fill();
  const IoCall outer{greenrt::Deadline()};
  {
    const IoCall inner;
    EXPECT_EQ(IoCall::wait(pipe.read_end(), 1, -1), 0);
  }
  EXPECT_EQ(IoCall::wait(pipe.read_end(), 1, -1), 1);
}

HUB_TEST(IoCall, LetsOtherGreenletsRunWhileItWaits) {
  const Pipe pipe;
  greenrt::FdWatcher watcher(pipe.read_end());
  auto filler = spawn([&] { pipe.fill(); });
  const IoCall call(watcher, IoCall::Transport::kPlain, hours(1));
  EXPECT_EQ(IoCall::wait(pipe.read_end(), 1, -1), 1);
  EXPECT_FALSE(call.failed());
  filler->join();
}

HUB_TEST(IoCall, IsFoundAgainAfterOtherGreenletsMadeCalls) {
  const Pipe first;
  const Pipe second;
  greenrt::FdWatcher first_watcher(first.read_end());
  greenrt::FdWatcher second_watcher(second.read_end());
  auto expiring = spawn([&] {
    const IoCall call(second_watcher, IoCall::Transport::kPlain, milliseconds(1));
    EXPECT_EQ(IoCall::wait(second.read_end(), 1, -1), 0);
    EXPECT_TRUE(call.expired());
    first.fill();
  });
  const IoCall call(first_watcher, IoCall::Transport::kPlain, hours(1));
  EXPECT_EQ(IoCall::wait(first.read_end(), 1, -1), 1);
  EXPECT_FALSE(call.failed());
  EXPECT_EQ(IoCall::wait(first.read_end(), 1, -1), 1) << "its own deadline, not the other call's";
  expiring->join();
}

HUB_TEST(IoCall, LeavesNothingBehindWhenCallsOverlap) {
  const Pipe first;
  const Pipe second;
  greenrt::FdWatcher first_watcher(first.read_end());
  greenrt::FdWatcher second_watcher(second.read_end());
  auto early = spawn([&] {
    const IoCall call(first_watcher, IoCall::Transport::kPlain, hours(1));
    EXPECT_EQ(IoCall::wait(first.read_end(), 1, -1), 1);
  });
  auto late = spawn([&] {
    const IoCall call(second_watcher, IoCall::Transport::kPlain, hours(1));
    first.fill();
    EXPECT_EQ(IoCall::wait(second.read_end(), 1, -1), 1);
  });
  early->join();
  second.fill();
  late->join();
  const Pipe idle;
  EXPECT_EQ(IoCall::wait(idle.read_end(), 1, 1), 0) << "outside of any call, it polls";
}

// One end of a TCP connection whose send buffer is full.
class FullSocket {
 public:
  FullSocket()
      : listener_(greenrt::Listener::bind_tcp(greenrt::SocketAddress::parse("127.0.0.1", 0).value())),
        near_(greenrt::Stream::connect(listener_.local_address())),
        far_(listener_.accept()) {
    fill();
  }

  [[nodiscard]] int fd() const { return near_.fd(); }
  void fill() const {
    const std::array<char, 4096> block{};
    while (::send(near_.fd(), block.data(), block.size(), MSG_DONTWAIT) > 0) {
    }
  }
  void drain() {
    std::array<char, 4096> block{};
    while (::recv(far_.fd(), block.data(), block.size(), MSG_DONTWAIT) > 0) {
    }
  }
  // In the other direction.
  void answer() { far_.write_all("x"); }

 private:
  greenrt::Listener listener_;
  greenrt::Stream near_;
  greenrt::Stream far_;
};

HUB_TEST(IoCall, WaitsForRoomWhenAFullBufferIsTakenForReadingOverTls) {
  FullSocket socket;
  greenrt::FdWatcher watcher(socket.fd());
  auto reader = spawn([&] { socket.drain(); });
  const IoCall call(watcher, IoCall::Transport::kTls, hours(1));
  EXPECT_EQ(IoCall::wait(socket.fd(), 1, -1), 1);
  EXPECT_FALSE(call.failed());
  reader->join();
}

HUB_TEST(IoCall, WaitsForReadingOnceTheLibraryHasWrittenAllOverTls) {
  FullSocket socket;
  greenrt::FdWatcher watcher(socket.fd());
  const IoCall call(watcher, IoCall::Transport::kTls, hours(1));
  socket.drain();
  EXPECT_EQ(IoCall::wait(socket.fd(), 1, -1), 1) << "there is room: try again";
  bool answered = false;
  auto peer = spawn([&] {
    answered = true;
    socket.answer();
  });
  EXPECT_EQ(IoCall::wait(socket.fd(), 1, -1), 1);
  EXPECT_TRUE(answered);
  peer->join();
}

HUB_TEST(IoCall, EndsAtItsDeadlineOverTls) {
  FullSocket socket;
  greenrt::FdWatcher watcher(socket.fd());
  const IoCall call(watcher, IoCall::Transport::kTls, milliseconds(5));
  EXPECT_EQ(IoCall::wait(socket.fd(), 1, -1), 0);
  EXPECT_TRUE(call.expired());
}

HUB_TEST(IoCall, RemembersAKillInsteadOfThrowingIt) {
  const Pipe pipe;
  greenrt::FdWatcher watcher(pipe.read_end());
  bool remembered = false;
  auto victim = spawn([&] {
    const IoCall call(watcher, IoCall::Transport::kPlain, greenrt::Deadline::never());
    EXPECT_EQ(IoCall::wait(pipe.read_end(), 1, -1), 0);
    remembered = call.exception() != nullptr;
    std::rethrow_exception(call.exception());
  });
  greenrt::yield();
  victim->kill();
  EXPECT_TRUE(remembered);
  EXPECT_TRUE(victim->successful()) << "a kill is no failure";
}

}  // namespace
}  // namespace db
