#include "greenrt/async_result.h"

#include <memory>
#include <string>

#include "greenrt/greenlet.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

using namespace std::chrono_literals;

HUB_TEST(AsyncResult, GivesItsValueToEverybodyWhoWaits) {
  AsyncResult<std::string> result;
  const auto one = spawn([&] { return result.get(); });
  const auto two = spawn([&] { return result.get(1h); });
  yield();
  EXPECT_FALSE(result.ready());
  result.set("value");
  EXPECT_TRUE(result.ready());
  EXPECT_TRUE(result.successful());
  EXPECT_EQ(one->get(), "value");
  EXPECT_EQ(two->get(), "value");
  EXPECT_EQ(result.get(), "value");
}

HUB_TEST(AsyncResult, ThrowsItsException) {
  AsyncResult<int> result;
  const auto waiter = spawn([&] { EXPECT_THROW(result.get(), std::runtime_error); });
  yield();
  result.set_exception(std::make_exception_ptr(std::runtime_error("failed")));
  waiter->get();
  EXPECT_TRUE(result.ready());
  EXPECT_FALSE(result.successful());
  EXPECT_NE(result.exception(), nullptr);
  EXPECT_TRUE(result.wait());
  EXPECT_THROW(result.get(), std::runtime_error);
}

HUB_TEST(AsyncResult, IsSetOnce) {
  AsyncResult<int> result;
  EXPECT_THROW(result.set_exception(nullptr), std::invalid_argument);
  result.set(1);
  EXPECT_THROW(result.set(2), std::logic_error);
  EXPECT_THROW(result.set_exception(std::make_exception_ptr(1)), std::logic_error);
  EXPECT_EQ(result.get(), 1);
}

HUB_TEST(AsyncResult, TellsThatTheDeadlineHasPassed) {
  AsyncResult<int> result;
  EXPECT_FALSE(result.wait(1ms));
  EXPECT_THROW(result.get(1ms), TimeoutExpired);
}

HUB_TEST(AsyncResult, HoldsWhatCanOnlyBeMoved) {
  AsyncResult<std::unique_ptr<int>> result;
  result.set(std::make_unique<int>(4));
  EXPECT_EQ(*result.get(), 4);
}

}  // namespace
}  // namespace greenrt
