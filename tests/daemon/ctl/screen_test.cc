// A Screen on a pseudo-terminal. tests/system/top_test.py looks at the whole program on one.

#include "daemon/ctl/screen.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include "tests/daemon/run_in_hub.h"

namespace hilera::ctl {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class ScreenTest : public testing::Test {
 protected:
  void SetUp() override {
    keyboard_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ASSERT_GE(keyboard_, 0);
    ASSERT_EQ(::grantpt(keyboard_), 0);
    ASSERT_EQ(::unlockpt(keyboard_), 0);
    terminal_ = ::open(::ptsname(keyboard_), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ASSERT_GE(terminal_, 0);
  }
  void TearDown() override {
    ::close(terminal_);
    ::close(keyboard_);
  }

  [[nodiscard]] tcflag_t modes() const {
    termios mode{};
    EXPECT_EQ(::tcgetattr(terminal_, &mode), 0);
    return mode.c_lflag & static_cast<tcflag_t>(ICANON | ECHO);
  }
  // What was drawn since the last call.
  [[nodiscard]] std::string shown() const {
    std::array<char, 4096> buffer;
    const ssize_t size = ::read(keyboard_, buffer.data(), buffer.size());
    return {buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
  }

  int keyboard_ = -1;
  int terminal_ = -1;
};

TEST_F(ScreenTest, GivesTheTerminalBackAsItWas) {
  const tcflag_t before = modes();
  EXPECT_NE(before, 0u);
  run_in_hub([&] {
    const Screen screen(terminal_, terminal_);
    EXPECT_EQ(modes(), 0u);
    EXPECT_THAT(shown(), HasSubstr("\x1b[?1049h"));
  });
  EXPECT_EQ(modes(), before);
  EXPECT_THAT(shown(), EndsWith("\x1b[?1049l"));
}

TEST_F(ScreenTest, DrawsWhatFits) {
  const winsize size{.ws_row = 2, .ws_col = 5, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(::ioctl(keyboard_, TIOCSWINSZ, &size), 0);
  run_in_hub([&] {
    Screen screen(terminal_, terminal_);
    EXPECT_EQ(screen.size().rows, 2u);
    static_cast<void>(shown());
    screen.draw("one line\ntwo\nthree\n");
    EXPECT_EQ(shown(), "\x1b[Hone l\x1b[K\r\r\ntwo\x1b[K\x1b[J");
  });
}

TEST_F(ScreenTest, ReadsKeysOneByOneUntilTheTerminalIsGone) {
  run_in_hub([&] {
    Screen screen(terminal_, terminal_);
    ASSERT_EQ(::write(keyboard_, "aq", 2), 2);
    EXPECT_EQ(screen.key(), 'a');
    EXPECT_EQ(screen.key(), 'q');
    ::close(keyboard_);
    keyboard_ = -1;
    EXPECT_EQ(screen.key(), std::nullopt);
  });
}

TEST_F(ScreenTest, NeedsATerminal) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  run_in_hub([&] { EXPECT_THROW(Screen(pipe[0], pipe[1]), std::system_error); });
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST(CutTo, CountsCharactersNotBytes) {
  EXPECT_EQ(cut_to("\u00e4\u00f6\u00fc\n123", {5, 2}), "\u00e4\u00f6\n12");
  EXPECT_EQ(cut_to("a\n\nb\nc", {3, 80}), "a\n\nb");
  EXPECT_EQ(cut_to("", {3, 80}), "");
}

}  // namespace
}  // namespace hilera::ctl
