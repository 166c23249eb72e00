// Limits of time, in all their forms.

#include <chrono>
#include <cstdio>
#include <exception>
#include <stdexcept>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/timeout.h"

using namespace std::chrono_literals;
using greenrt::Timeout;
using greenrt::TimeoutExpired;

void wait() {
  greenrt::sleep(1h);
}

struct TooLong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void scoped() {
  Timeout timeout(1ms);
  try {
    wait();
  } catch (const TimeoutExpired& expired) {
    if (!timeout.threw(expired)) throw;  // not ours: somebody further out
    std::puts("could not complete in time");
  }
}

void cancelled() {
  Timeout timeout(1h);
  greenrt::yield();
  timeout.cancel();
  std::printf("cancelled, pending: %d\n", timeout.pending());
  timeout.restart(1h);
  std::printf("armed again, pending: %d\n", timeout.pending());
}

void of_own_type() {
  const Timeout timeout(1ms, std::make_exception_ptr(TooLong("five seconds are enough")));
  try {
    wait();
  } catch (const TooLong& error) {
    std::printf("own exception: %s\n", error.what());
  }
}

void of_one_call() {
  const auto slow = greenrt::spawn(wait);
  std::printf("join: %s\n", slow->join(1ms) ? "ended" : "still at work");
  try {
    slow->get(1ms);
  } catch (const TimeoutExpired&) {
    std::puts("get: threw");
  }
  slow->kill();
}

void around_a_function() {
  const auto slow = [] {
    wait();
    return 1;
  };
  std::printf("with a fallback: %d\n", greenrt::with_timeout(1ms, slow, -1));
  std::printf("in time: %d\n", greenrt::with_timeout(
                                   1h, [] { return 2; }, -1));
  std::printf("without a fallback: %s\n", greenrt::with_timeout(1ms, slow) ? "a value" : "nothing");
}

void nested() {
  Timeout outer(1ms);
  try {
    Timeout inner(1h);
    try {
      wait();
    } catch (const TimeoutExpired& expired) {
      std::printf("the inner one threw: %d\n", inner.threw(expired));
      throw;
    }
  } catch (const TimeoutExpired& expired) {
    std::printf("the outer one threw: %d\n", outer.threw(expired));
  }
}

int main() {
  greenrt::Hub hub;
  hub.run([] {
    scoped();
    cancelled();
    of_own_type();
    of_one_call();
    around_a_function();
    nested();
  });
}
