#include "greenrt/context.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cfenv>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "greenrt/event.h"
#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using ::testing::ElementsAre;
using ::testing::Ne;

std::string current_message() {
  return testing::message_of(std::current_exception());
}

// Down, unless somebody asks for something else. A conversion, because valgrind heeds the mode in nothing else.
float rounded() {
  const volatile double exact = 0.7;
  return static_cast<float>(exact);
}

HUB_TEST(Context, EachGreenletHasItsOwnWayOfRounding) {
  const float nearest = rounded();
  std::vector<float> seen;
  const auto first = spawn([&] {
    std::fesetround(FE_UPWARD);
    const auto child = spawn([&] { seen.push_back(rounded()); });  // begins with the switch out of yield()
    yield();
    seen.push_back(rounded());
  });
  first->join();
  ASSERT_THAT(seen, ElementsAre(nearest, Ne(nearest)));
  EXPECT_EQ(rounded(), nearest);
}

// Each greenlet throws its own exception and yields in the handler, so that their handlers overlap in time.
HUB_TEST(Context, EachGreenletHasItsOwnCaughtException) {
  std::vector<std::string> seen;
  std::vector<GreenletRef> all;
  for (const char* name : {"one", "two", "three"}) {
    all.push_back(spawn([&seen, name] {
      try {
        throw std::runtime_error(name);
      } catch (const std::runtime_error&) {
        for (int i = 0; i < 3; ++i)
          yield();
        seen.push_back(current_message());
      }
    }));
  }
  join_all(all);
  EXPECT_THAT(seen, ElementsAre("one", "two", "three"));
  EXPECT_EQ(std::current_exception(), nullptr);
}

HUB_TEST(Context, BareRethrowAfterAWaitThrowsTheRightException) {
  Event release;
  const auto waiting = spawn([&] {
    try {
      throw std::runtime_error("mine");
    } catch (const std::exception&) {
      release.wait();
      try {
        throw;
      } catch (const std::exception& again) {
        return std::string(again.what());
      }
    }
  });
  const auto other = spawn([&] {
    try {
      throw std::runtime_error("other");
    } catch (const std::exception&) {
      release.set();
      yield();
    }
  });
  EXPECT_EQ(waiting->get(), "mine");
  other->join();
}

HUB_TEST(Context, NestedHandlersSurviveWaits) {
  std::vector<std::string> seen;
  const auto nested = spawn([&] {
    try {
      throw std::runtime_error("outer");
    } catch (const std::exception&) {
      yield();
      try {
        throw std::runtime_error("inner");
      } catch (const std::exception&) {
        yield();
        seen.push_back(current_message());
      }
      yield();
      seen.push_back(current_message());
    }
  });
  while (!nested->ready()) {
    try {
      throw std::logic_error("noise");
    } catch (const std::logic_error&) {
      yield();
    }
  }
  EXPECT_THAT(seen, ElementsAre("inner", "outer"));
}

struct YieldsWhenDestroyed {
  int& uncaught;
  ~YieldsWhenDestroyed() {
    yield();
    uncaught = std::uncaught_exceptions();
  }
};

HUB_TEST(Context, DestructorsMayWaitDuringUnwinding) {
  int uncaught = -1;
  const auto unwinding = spawn([&]() -> std::string {
    try {
      const YieldsWhenDestroyed guard{uncaught};
      throw std::runtime_error("unwinding");
    } catch (const std::exception& exception) {
      return exception.what();
    }
  });
  std::vector<int> others;
  while (!unwinding->ready()) {
    yield();
    others.push_back(std::uncaught_exceptions());
  }
  EXPECT_EQ(unwinding->get(), "unwinding");
  EXPECT_EQ(uncaught, 1);
  EXPECT_THAT(others, ::testing::Each(0));
}

HUB_TEST(Context, ErrnoIsKeptOverSwitches) {
  const auto other = spawn([] {
    EXPECT_EQ(errno, 0);
    errno = ENOENT;
    yield();
    EXPECT_EQ(errno, ENOENT);
  });
  errno = EINTR;
  yield();
  EXPECT_EQ(errno, EINTR);
  other->join();
  EXPECT_EQ(errno, EINTR);
}

HUB_TEST(Context, LocalVariablesOfManyGreenletsDoNotMix) {
  std::vector<Ref<GreenletOf<bool>>> all;
  for (int i = 0; i < 200; ++i) {
    all.push_back(spawn([i] {
      std::array<int, 500> numbers{};
      numbers.fill(i);
      yield();
      return std::all_of(numbers.begin(), numbers.end(), [i](int number) { return number == i; });
    }));
  }
  for (const auto& each : all)
    EXPECT_TRUE(each->get());
}

}  // namespace
}  // namespace greenrt
