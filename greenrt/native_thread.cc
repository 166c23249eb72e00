#include "greenrt/native_thread.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace greenrt {

std::thread start_native_thread(std::function<void()> body) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const struct Restore {
    ~Restore() { ::pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
    const sigset_t& mask;
  } restore{before};
  return std::thread(std::move(body));
}

}  // namespace greenrt
