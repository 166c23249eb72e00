// Which of several servers is worked on, and what those who share the choice are told.

#include "db/host_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace db {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Endpoint host(const std::string& name) {
  return {.host = name, .port = 3306, .socket = {}};
}

const auto kNow = greenrt::Clock::now();

// A server that began `age` ago.
ServerProcess server(const std::string& name, greenrt::Duration age = std::chrono::hours(1)) {
  return {.where = name, .began_after = kNow - age - seconds(1), .began_before = kNow - age + seconds(1)};
}

// What a watcher was told, in words.
class Diary : public HostWatcher {
 public:
  using HostWatcher::HostWatcher;

  void on_host_left() override { lines.emplace_back("left"); }
  void on_host_changed(const Endpoint& from, const Endpoint& to, const std::string& why) override {
    lines.push_back(from.host + " -> " + to.host + ": " + why);
  }
  void on_host_answers() override { ++answers; }
  void on_loss() override { lines.emplace_back("loss"); }

  std::vector<std::string> lines;
  int answers = 0;
};

struct HostChoiceTest : ::testing::Test {
  std::shared_ptr<HostChoice> hosts =
      std::make_shared<HostChoice>(std::vector<Endpoint>{host("a"), host("b"), host("c")});
  Diary diary{hosts};
};

TEST_F(HostChoiceTest, BeginsWithTheFirst) {
  EXPECT_EQ(hosts->current(), host("a"));
  hosts->settle(server("a"));
  EXPECT_EQ(hosts->changes(), 0u);
  EXPECT_EQ(diary.answers, 1);
  EXPECT_THAT(diary.lines, IsEmpty());
}

TEST_F(HostChoiceTest, GoesOnInOrderAndWrapsRound) {
  for (const char* next : {"b", "c", "a", "b"}) {
    hosts->leave(hosts->current(), "gone");
    EXPECT_EQ(hosts->current(), host(next));
  }
}

TEST_F(HostChoiceTest, IsLeftOnceByAllWhoFindTheSame) {
  hosts->leave(host("a"), "gone");
  hosts->leave(host("a"), "gone");
  hosts->leave(host("c"), "gone");
  EXPECT_EQ(hosts->current(), host("b"));
  EXPECT_THAT(diary.lines, ElementsAre("left"));
}

TEST_F(HostChoiceTest, TellsAChangeWhenTheNextOneWorksWithTheReasonForLeavingTheOneBefore) {
  hosts->settle(server("a"));
  hosts->leave(host("a"), "it died");
  hosts->leave(host("b"), "it is away");
  EXPECT_EQ(hosts->changes(), 0u);
  hosts->settle(server("c"));
  hosts->settle(server("c"));
  EXPECT_EQ(hosts->changes(), 1u);
  EXPECT_THAT(diary.lines, ElementsAre("left", "left", "a -> c: it died", "loss"));
}

TEST_F(HostChoiceTest, TakesTheReturnToTheSameForNoChange) {
  hosts->settle(server("a"));
  for (int i = 0; i < 3; ++i)
    hosts->leave(hosts->current(), "gone");
  hosts->settle(server("a"));
  EXPECT_EQ(hosts->current(), host("a"));
  EXPECT_EQ(hosts->changes(), 0u);
  EXPECT_EQ(hosts->losses(), 0u);
}

TEST_F(HostChoiceTest, TakesAServerThatBeganAnewForALoss) {
  hosts->settle(server("a"));
  for (int i = 0; i < 3; ++i)
    hosts->leave(hosts->current(), "gone");
  hosts->settle(server("a", seconds(5)));
  EXPECT_EQ(hosts->changes(), 0u);
  EXPECT_EQ(hosts->losses(), 1u);
}

TEST_F(HostChoiceTest, TakesTheEndOfAConnectionForNoLossWhileItsServerLives) {
  hosts->settle(server("a"));
  hosts->note_end(server("a"));
  hosts->settle(server("a"));
  EXPECT_EQ(hosts->losses(), 0u);
}

TEST_F(HostChoiceTest, TakesItForALossWhenAnotherServerAnsweredLastUnderTheAddress) {
  hosts->settle(server("a1"));
  hosts->settle(server("a2"));
  EXPECT_EQ(hosts->losses(), 1u) << "for all that anybody knows";
  hosts->note_end(server("a1"));
  EXPECT_EQ(hosts->losses(), 2u);
  hosts->note_end(server("a2"));
  EXPECT_EQ(hosts->losses(), 2u);
}

TEST_F(HostChoiceTest, TakesACommitOnAServerThatWasLeftForALoss) {
  hosts->settle(server("a"));
  const auto before = greenrt::Clock::now();
  hosts->leave(host("a"), "gone");
  hosts->settle(server("b"));
  EXPECT_EQ(hosts->losses(), 1u);
  hosts->note_commit(host("a"), before - seconds(1));
  EXPECT_EQ(hosts->losses(), 1u) << "it was known when it was left";
  hosts->note_commit(host("a"), greenrt::Clock::now());
  EXPECT_EQ(hosts->losses(), 2u);
}

TEST_F(HostChoiceTest, LeavesAServerOnWhichCallsHangAndNobodyCommits) {
  hosts->settle(server("a"));
  const auto begin = greenrt::Clock::now();
  hosts->note_hang(host("a"), begin);
  EXPECT_EQ(hosts->current(), host("a")) << "one call alone may be waiting for a lock";
  hosts->note_hang(host("a"), begin);
  EXPECT_EQ(hosts->current(), host("b"));
  EXPECT_EQ(diary.lines.size(), 1u);
}

TEST_F(HostChoiceTest, StaysOnAServerOnWhichOthersCommit) {
  hosts->settle(server("a"));
  auto begin = greenrt::Clock::now();
  hosts->note_hang(host("a"), begin);
  hosts->note_commit(host("a"), greenrt::Clock::now());
  hosts->note_hang(host("a"), begin);
  begin = greenrt::Clock::now();
  hosts->note_hang(host("a"), begin);
  EXPECT_EQ(hosts->current(), host("a"));
  hosts->note_hang(host("b"), begin);
  EXPECT_EQ(hosts->current(), host("a")) << "another one hung";
}

TEST_F(HostChoiceTest, TellsNobodyWhoHasGone) {
  { const Diary other(hosts); }
  hosts->settle(server("a"));
  hosts->settle(server("a", seconds(5)));
  EXPECT_THAT(diary.lines, ElementsAre("loss"));
}

TEST(HostChoice, OfOneServerLeavesNothing) {
  const auto hosts = std::make_shared<HostChoice>(std::vector<Endpoint>{host("a")});
  Diary diary(hosts);
  hosts->settle(server("a"));
  hosts->leave(host("a"), "gone");
  EXPECT_EQ(hosts->current(), host("a"));
  EXPECT_THAT(diary.lines, IsEmpty());
}

TEST(HostChoice, NeedsAServer) {
  EXPECT_THROW(HostChoice({}), std::invalid_argument);
}

}  // namespace
}  // namespace db
