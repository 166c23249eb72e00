#include "greenrt/native_thread.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

namespace greenrt {
namespace {

TEST(NativeThread, LeavesSignalsToOthers) {
  sigset_t before;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  sigset_t within;
  ::sigemptyset(&within);
  start_native_thread([&] { ::pthread_sigmask(SIG_SETMASK, nullptr, &within); }).join();
  sigset_t after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
    EXPECT_EQ(::sigismember(&within, signal), 1) << signal;
    EXPECT_EQ(::sigismember(&after, signal), ::sigismember(&before, signal)) << signal;
  }
}

}  // namespace
}  // namespace greenrt
