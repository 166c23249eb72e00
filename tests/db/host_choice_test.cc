// Which of several servers is worked on, and what those who share the choice are told.

#include "db/host_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace db {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Endpoint host(const std::string& name) {
  return {.host = name, .port = 3306, .socket = {}};
}

// What a watcher was told, in words.
class Diary : public HostWatcher {
 public:
  using HostWatcher::HostWatcher;

  void on_host_left() override { lines.emplace_back("left"); }
  void on_host_changed(const Endpoint& from, const Endpoint& to, const std::string& why) override {
    lines.push_back(from.host + " -> " + to.host + ": " + why);
  }
  void on_loss() override { lines.emplace_back("loss"); }

  std::vector<std::string> lines;
};

struct HostChoiceTest : ::testing::Test {
  std::shared_ptr<HostChoice> hosts =
      std::make_shared<HostChoice>(std::vector<Endpoint>{host("a"), host("b"), host("c")});
  Diary diary{hosts};
};

TEST_F(HostChoiceTest, BeginsWithTheFirst) {
  EXPECT_EQ(hosts->current(), host("a"));
  hosts->settle();
  EXPECT_EQ(hosts->changes(), 0u);
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
  hosts->settle();
  hosts->leave(host("a"), "it died");
  hosts->leave(host("b"), "it is away");
  EXPECT_EQ(hosts->changes(), 0u);
  hosts->settle();
  hosts->settle();
  EXPECT_EQ(hosts->changes(), 1u);
  EXPECT_THAT(diary.lines, ElementsAre("left", "left", "a -> c: it died", "loss"));
}

TEST_F(HostChoiceTest, TakesTheReturnToTheSameForNoChange) {
  hosts->settle();
  for (int i = 0; i < 3; ++i)
    hosts->leave(hosts->current(), "gone");
  hosts->settle();
  EXPECT_EQ(hosts->current(), host("a"));
  EXPECT_EQ(hosts->changes(), 0u);
  EXPECT_EQ(hosts->losses(), 0u);
}

TEST_F(HostChoiceTest, TellsEveryLoss) {
  hosts->note_loss();
  hosts->note_loss();
  EXPECT_EQ(hosts->losses(), 2u);
  EXPECT_THAT(diary.lines, ElementsAre("loss", "loss"));
}

TEST_F(HostChoiceTest, TellsNobodyWhoHasGone) {
  { const Diary other(hosts); }
  hosts->note_loss();
  EXPECT_THAT(diary.lines, ElementsAre("loss"));
}

TEST(HostChoice, OfOneServerLeavesAndLosesNothing) {
  const auto hosts = std::make_shared<HostChoice>(std::vector<Endpoint>{host("a")});
  Diary diary(hosts);
  hosts->settle();
  hosts->leave(host("a"), "gone");
  hosts->note_loss();
  EXPECT_EQ(hosts->current(), host("a"));
  EXPECT_EQ(hosts->losses(), 0u);
  EXPECT_THAT(diary.lines, IsEmpty());
}

TEST(HostChoice, NeedsAServer) {
  EXPECT_THROW(HostChoice({}), std::invalid_argument);
}

}  // namespace
}  // namespace db
