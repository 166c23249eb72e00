#include "daemon/line_reader.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include "tests/daemon/run_in_hub.h"

namespace hilera {
namespace {

using namespace std::chrono_literals;

constexpr auto kTestLimit = 30s;  // for what must come; reached only when something is broken

struct Pair {
  Pair() : Pair(make()) {}

  greenrt::Stream near;
  greenrt::Stream far;

 private:
  explicit Pair(std::array<int, 2> fds) : near(fds[0]), far(fds[1]) {}
  static std::array<int, 2> make() {
    std::array<int, 2> fds{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    return fds;
  }
};

TEST(LineReader, ReadsOneLineAfterTheOther) {
  run_in_hub([] {
    Pair pair;
    pair.far.write_all("one\n\ntwo\r\nhalf");
    pair.far.close();
    LineReader reader(pair.near, 100);
    EXPECT_EQ(reader.read_line(kTestLimit), "one");
    EXPECT_EQ(reader.read_line(kTestLimit), "");
    EXPECT_EQ(reader.read_line(kTestLimit), "two\r");
    EXPECT_EQ(reader.read_line(kTestLimit), std::nullopt);
  });
}

TEST(LineReader, PutsALineTogetherFromPieces) {
  run_in_hub([] {
    Pair pair;
    LineReader reader(pair.near, 100);
    const auto line = greenrt::spawn([&] { return reader.read_line(kTestLimit); });
    for (const char* piece : {"a", "b", "c\nd"}) {
      pair.far.write_all(std::string_view(piece));
      greenrt::yield();
    }
    EXPECT_EQ(line->get(kTestLimit), "abc");
  });
}

TEST(LineReader, TheLimitIsOfTheLineWithoutItsEnd) {
  run_in_hub([] {
    Pair pair;
    pair.far.write_all("12345\n123456\n");
    LineReader reader(pair.near, 5);
    EXPECT_EQ(reader.read_line(kTestLimit), "12345");
    EXPECT_THROW(reader.read_line(kTestLimit), LineTooLong);
  });
}

}  // namespace
}  // namespace hilera
