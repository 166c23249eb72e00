#include "greenrt/context.h"

#include <boost/version.hpp>
#include <cxxabi.h>
#include <pthread.h>

#include <cerrno>
#include <cfenv>
#include <cstdlib>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "greenrt/context_switch.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#elif defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

#if BOOST_VERSION >= 108800
#error "From Boost 1.88 on, Boost.Context saves __cxa_eh_globals itself: remove ExceptionState here"
#endif

namespace greenrt {
namespace {

using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

// What the sanitizer in use must know of a context before its first switch.
void* announce_new_stack([[maybe_unused]] const Stack& stack) {
#if defined(__SANITIZE_ADDRESS__)
  // The last frames of the greenlet before have never returned, and have left their red zones behind.
  ASAN_UNPOISON_MEMORY_REGION(stack.top() - StackPool::page_size(), StackPool::page_size());
  return nullptr;
#elif defined(__SANITIZE_THREAD__)
  return __tsan_create_fiber(0);
#else
  return nullptr;
#endif
}

// Otherwise it would be that of whoever happened to switch first. The flags of exceptions that were raised, the low six
// bits, are as they are most of the time, and writing takes longer than looking.
[[gnu::always_inline]] inline void begin_with_default_floating_point() {
#if defined(__x86_64__)
  constexpr unsigned int kRaised = 0x3f;
  constexpr unsigned int kDefaultSse = 0x1f80;   // Intel SDM, volume 1, section 10.2.3
  constexpr unsigned short kDefaultX87 = 0x37f;  // section 8.1.5
  if ((_mm_getcsr() & ~kRaised) != kDefaultSse) _mm_setcsr(kDefaultSse);
  unsigned short x87;
  asm volatile("fnstcw %0" : "=m"(x87));
  if (x87 != kDefaultX87) asm volatile("fldcw %0" : : "m"(kDefaultX87));
#else
  std::fesetenv(FE_DFL_ENV);
#endif
}

}  // namespace

struct Context::FirstFrame {
  static void run(transfer_t transfer) {
#if defined(__x86_64__)
    asm volatile(".cfi_undefined rip");  // nothing to unwind to: backtraces stop here
#endif
    const Entry entry = static_cast<Passage*>(transfer.data)->to->entry_;
    Passage::arrive(transfer);
    begin_with_default_floating_point();
    entry();
    std::abort();
  }
};

Context::Thread Context::adopt_thread() {
  pthread_attr_t attributes;
  void* bottom = nullptr;
  std::size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    pthread_attr_getstack(&attributes, &bottom, &size);
    pthread_attr_destroy(&attributes);
  }
  stack_ = {static_cast<std::byte*>(bottom), size};
  entry_ = [] { std::abort(); };  // it runs already
#if defined(__SANITIZE_THREAD__)
  sanitizer_ = __tsan_get_current_fiber();
#endif
  return {.exceptions = reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals()), .error = &errno};
}

void Context::prepare(Stack stack, Entry entry) {
  stack_ = stack;
  entry_ = entry;
  exceptions_ = {};
  errno_ = 0;
  sanitizer_ = announce_new_stack(stack);
  machine_ = make_fcontext(stack.top(), stack.size, &FirstFrame::run);
}

void Context::exit_to(Context& to, const Thread& thread) {
  *thread.exceptions = to.exceptions_;
  *thread.error = to.errno_;
  entry_ = nullptr;
  Passage passage{this, &to};
  passage.announce();
  jump_fcontext(to.machine_, &passage);
  std::abort();
}

}  // namespace greenrt
