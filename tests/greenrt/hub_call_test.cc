// Calls from other threads to the hub.

#include "greenrt/hub_call.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "greenrt/event.h"
#include "tests/support/hub_fixture.h"

namespace greenrt {
namespace {

HUB_TEST(HubCall, RunsOnTheHubsThread) {
  Event called;
  std::thread::id where;
  HubCall call([&] {
    where = std::this_thread::get_id();
    called.set();
  });
  call.expect();
  std::thread caller([&] { call.make(); });
  called.wait();
  call.expect_no_more();
  caller.join();
  EXPECT_EQ(where, std::this_thread::get_id());
}

HUB_TEST(HubCall, CallsThatWereMadeBeforeItHasRunBecomeOne) {
  Event called;
  int calls = 0;
  HubCall call([&] {
    ++calls;
    called.set();
  });
  std::thread([&] {
    for (int i = 0; i < 100; ++i)
      call.make();
  }).join();
  call.expect();
  called.wait();
  call.expect_no_more();
  testing::settle();
  EXPECT_EQ(calls, 1);
}

HUB_TEST(HubCall, DoesNotKeepTheHubWaitingUnlessACallIsExpected) {
  const HubCall call([] {});
  Event never;
  EXPECT_THROW(never.wait(), LoopExit);
}

HUB_TEST(HubCall, WhatItThrowsIsReported) {
  Event called;
  HubCall call([&] {
    called.set();
    throw std::runtime_error("oops");
  });
  call.expect();
  call.make();
  called.wait();
  call.expect_no_more();
  EXPECT_THAT(testing::take_errors(), ::testing::ElementsAre("hub call: oops"));
}

}  // namespace
}  // namespace greenrt
