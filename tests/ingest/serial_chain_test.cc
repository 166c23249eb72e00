#include "ingest/serial_chain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "greenrt/event.h"
#include "tests/ingest/fakes.h"

namespace ingest {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::run_until_quiet;

// Frames by name: each takes its place, waits for its turn, enters, and stays until it is told to leave.
class Frames {
 public:
  ~Frames() {
    for (auto& [name, frame] : frames_)
      frame.greenlet->kill();
  }

  // Starts the frame `name` of the device that is its first letter.
  void start(const std::string& name, greenrt::Deadline deadline = greenrt::Deadline::never()) {
    Frame& frame = frames_[name];
    frame.greenlet = greenrt::spawn([this, name, deadline, &frame] {
      SerialChain::Place place(chains[name[0]]);
      if (!place.wait_turn(deadline)) {
        note(name + " gave up");
        return;
      }
      note(name);
      frame.may_leave.wait();
    });
  }
  void let_leave(const std::string& name) { frames_.at(name).may_leave.set(); }
  void leave(const std::string& name) {
    let_leave(name);
    run_until_quiet();
  }
  void kill(const std::string& name) {
    frames_.at(name).greenlet->kill_soon();
    run_until_quiet();
  }

  std::map<char, SerialChain> chains;  // by device
  std::string log;

 private:
  struct Frame {
    greenrt::GreenletRef greenlet;
    greenrt::Event may_leave;
  };

  void note(const std::string& what) { log += (log.empty() ? "" : " ") + what; }

  std::map<std::string, Frame> frames_;
};

HUB_TEST(SerialChain, TheFirstFrameOfADeviceDoesNotWait) {
  SerialChain chain;
  EXPECT_TRUE(chain.empty());
  SerialChain::Place place(chain);
  EXPECT_TRUE(place.wait_turn());
  EXPECT_FALSE(chain.empty());
}

HUB_TEST(SerialChain, FramesOfADeviceEnterOneByOneInTheOrderOfTheirPlaces) {
  Frames frames;
  for (const char* name : {"A1", "A2", "A3"})
    frames.start(name);
  run_until_quiet();
  EXPECT_EQ(frames.log, "A1");
  frames.leave("A1");
  EXPECT_EQ(frames.log, "A1 A2");
  frames.leave("A2");
  frames.leave("A3");
  EXPECT_EQ(frames.log, "A1 A2 A3");
}

HUB_TEST(SerialChain, DevicesDoNotWaitForEachOther) {
  Frames frames;
  for (const char* name : {"A1", "B1", "A2", "C1"})
    frames.start(name);
  run_until_quiet();
  EXPECT_EQ(frames.log, "A1 B1 C1");
  frames.leave("C1");
  frames.leave("B1");
  frames.leave("A1");
  EXPECT_EQ(frames.log, "A1 B1 C1 A2");
}

HUB_TEST(SerialChain, IsEmptyOnceTheLastFrameHasLeft) {
  Frames frames;
  for (const char* name : {"A1", "A2"})
    frames.start(name);
  run_until_quiet();
  frames.leave("A1");
  EXPECT_FALSE(frames.chains['A'].empty());
  frames.leave("A2");
  EXPECT_TRUE(frames.chains['A'].empty());
}

HUB_TEST(SerialChain, WhoStandsBehindOneThatLeavesEarlyWaitsForWhoWasInFront) {
  Frames frames;
  for (const char* name : {"A1", "A2", "A3"})
    frames.start(name);
  run_until_quiet();
  frames.kill("A2");
  EXPECT_EQ(frames.log, "A1");
  frames.leave("A1");
  EXPECT_EQ(frames.log, "A1 A3");
}

HUB_TEST(SerialChain, WhoComesAfterTheLastOneLeftEarlyStandsBehindTheOneBefore) {
  Frames frames;
  frames.start("A1");
  frames.start("A2");
  run_until_quiet();
  frames.kill("A2");
  frames.start("A3");
  run_until_quiet();
  EXPECT_EQ(frames.log, "A1");
  frames.leave("A1");
  EXPECT_EQ(frames.log, "A1 A3");
}

HUB_TEST(SerialChain, AKillOfTheFirstLetsTheNextOneGoOn) {
  Frames frames;
  frames.start("A1");
  frames.start("A2");
  run_until_quiet();
  frames.kill("A1");
  EXPECT_EQ(frames.log, "A1 A2");
}

HUB_TEST(SerialChain, ATurnThatWasGivenToAKilledFrameGoesToTheNext) {
  Frames frames;
  for (const char* name : {"A1", "A2", "A3"})
    frames.start(name);
  run_until_quiet();
  frames.let_leave("A1");
  greenrt::yield();  // A1 has left, and A2 has not run yet
  frames.kill("A2");
  EXPECT_EQ(frames.log, "A1 A3");
}

HUB_TEST(SerialChain, ADeadlineEndsTheWaitAndTheOthersKeepTheirOrder) {
  Frames frames;
  frames.start("A1");
  frames.start("A2", 0ms);
  frames.start("A3");
  EXPECT_TRUE(eventually([&] { return frames.log == "A1 A2 gave up"; })) << frames.log;
  frames.leave("A1");
  EXPECT_EQ(frames.log, "A1 A2 gave up A3");
}

HUB_TEST(SerialChain, AnExpiredDeadlineDoesNotMatterToWhoseTurnItIs) {
  SerialChain chain;
  SerialChain::Place place(chain);
  EXPECT_TRUE(place.wait_turn(-1s));
}

HUB_TEST(SerialChain, LeavingTwiceIsLeavingOnce) {
  SerialChain chain;
  SerialChain::Place first(chain);
  SerialChain::Place second(chain);
  first.leave();
  first.leave();
  EXPECT_FALSE(chain.empty());
  EXPECT_TRUE(second.wait_turn());
  second.leave();
  EXPECT_TRUE(chain.empty());
}

// Frames start, leave, are killed (before their first turn, while they wait, inside) and give up in random order: those
// of one device enter one at a time, never before one that started earlier, and the chain ends empty.
class RandomSchedule {
 public:
  explicit RandomSchedule(std::uint32_t seed) : random_(seed) {}

  void run() {
    for (int step = 0; step < 300; ++step) {
      switch (random_() % 6) {
        case 0:
        case 1:
          start();
          break;
        case 2:
        case 3:
          if (!frames_.empty()) any().may_leave.set();
          break;
        case 4:
          if (!frames_.empty()) any().greenlet->kill_soon();
          break;
        default:
          greenrt::yield();
      }
    }
    for (const auto& frame : frames_)
      frame->may_leave.set();
    EXPECT_TRUE(eventually([&] {
      return std::all_of(frames_.begin(), frames_.end(), [](const auto& frame) { return frame->greenlet->ready(); });
    }));
    EXPECT_TRUE(std::all_of(chains_.begin(), chains_.end(), [](const auto& chain) { return chain.empty(); }));
    EXPECT_GT(entered_, 0);
  }

 private:
  struct Frame {
    greenrt::GreenletRef greenlet;
    greenrt::Event may_leave;
  };

  Frame& any() { return *frames_[random_() % frames_.size()]; }

  void start() {
    const auto device = random_() % 4;
    const auto deadline = random_() % 5 == 0 ? greenrt::Deadline(0ms) : greenrt::Deadline::never();
    const int number = static_cast<int>(frames_.size());
    Frame& frame = *frames_.emplace_back(std::make_unique<Frame>());
    frame.greenlet = greenrt::spawn([this, device, deadline, number, &frame] {
      SerialChain::Place place(chains_[device]);
      if (!place.wait_turn(deadline)) return;
      EXPECT_FALSE(std::exchange(inside_[device], true)) << "two at once";
      EXPECT_LT(std::exchange(last_[device], number), number) << "overtaken";
      ++entered_;
      const struct Out {
        ~Out() { inside = false; }
        bool& inside;
      } out{inside_[device]};
      frame.may_leave.wait();
    });
  }

  std::mt19937 random_;
  std::array<SerialChain, 4> chains_;
  std::vector<std::unique_ptr<Frame>> frames_;
  std::array<bool, 4> inside_{};
  std::array<int, 4> last_{-1, -1, -1, -1};
  int entered_ = 0;
};

HUB_TEST(SerialChain, KeepsOrderInAHundredRandomSchedules) {
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomSchedule(seed).run();
  }
}

}  // namespace
}  // namespace ingest
