// HUB_TEST: a test whose body runs in the main greenlet of a hub of its own.
//
//   HUB_TEST(Event, WakesInOrder) { ... }
//
// Every such test is also a leak test: at its end no greenlet may be left but the main one, no descriptor may be open
// that was not open before, and no error may have reached the hub's handler that the body did not take with
// take_errors(). A body that nothing can wake ends at once with LoopExit, so no test needs a time limit of its own.
// HUB_TEST_WITH takes HubOptions as well.

#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "greenrt/greenlet.h"
#include "greenrt/greenlet_tree.h"
#include "greenrt/hub.h"

namespace greenrt::testing {

// "context: message" of each error that reached the handler of the hub under test.
inline std::vector<std::string>& reported_errors() {
  static thread_local std::vector<std::string> errors;
  return errors;
}

inline std::vector<std::string> take_errors() {
  return std::exchange(reported_errors(), {});
}

inline std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    return exception.what();
  } catch (const Unwind& unwind) {
    return unwind.what();
  }
}

inline void record_errors(Hub& hub) {
  reported_errors().clear();
  hub.set_error_handler([](std::string_view context, const std::exception_ptr& error) {
    reported_errors().push_back(std::string(context) + ": " + message_of(error));
  });
}

inline std::ptrdiff_t open_descriptors() {
  const std::filesystem::directory_iterator descriptors("/proc/self/fd");
  return std::distance(begin(descriptors), end(descriptors));
}

inline void run_in_hub(const std::function<void()>& body, const HubOptions& options = {}) {
  const auto descriptors = open_descriptors();
  {
    Hub hub(options);
    record_errors(hub);
    hub.run([&] {
      body();
      EXPECT_EQ(hub.stats().greenlets, 1u) << "the test has left greenlets:\n" << describe_greenlets(hub);
    });
    EXPECT_EQ(hub.stats().greenlets, 0u);
    EXPECT_THAT(take_errors(), ::testing::IsEmpty());
  }
  EXPECT_EQ(open_descriptors(), descriptors) << "the test has left descriptors open";
}

// Lets everything that is ready run, and what that makes ready, for a few turns.
inline void settle() {
  for (int turn = 0; turn < 5; ++turn)
    yield();
}

// Lets the loop poll once. The caller stays ready all the time, so it runs before whatever the poll has made ready.
inline void let_poll() {
  const auto passes = Hub::current().stats().passes;
  while (Hub::current().stats().passes == passes)
    yield();
}

}  // namespace greenrt::testing

#define HUB_TEST_WITH(suite, name, options)                          \
  static void suite##_##name##_body();                               \
  TEST(suite, name) {                                                \
    ::greenrt::testing::run_in_hub(&suite##_##name##_body, options); \
  }                                                                  \
  static void suite##_##name##_body()

#define HUB_TEST(suite, name) HUB_TEST_WITH(suite, name, ::greenrt::HubOptions{})
